import { expect } from "chai";
import { OwnSeats, type SeatPool } from "../domain/seat-pool.ts";
import { expectRefusal } from "../testing/repository-subject.ts";
import { type Seat, UploadSessions } from "./upload-sessions.ts";

describe("UploadSessions", () => {
  it("admits so many at once, and another when one has gone", async () => {
    const sessions = new UploadSessions(new OwnSeats(2));
    const [seat] = await Promise.all([sessions.admit(), sessions.admit()]);
    const refusal = await expectRefusal(sessions.admit(), "OVERLOADED");
    expect(refusal.message).to.include("2 uploads are being written here");
    expect(refusal).to.include({ code: "resource_exhausted", retryAfterMs: 1000 });
    sessions.release(seat);
    sessions.release(seat);
    expect(sessions.size).to.equal(1);
    await sessions.admit();
    await expectRefusal(sessions.admit(), "OVERLOADED");
  });

  it("tells everybody when it drains, and admits nobody any more", async () => {
    const sessions = new UploadSessions(new OwnSeats(3));
    const told: string[] = [];
    for (let i = 0; i < 2; i++) {
      (await sessions.admit()).session = { fail: ({ message }) => told.push(message), received: undefined };
    }
    await sessions.admit();
    sessions.assertAdmitting();
    sessions.drain();
    expect(told).to.have.length(2);
    expect(told[0]).to.include("go on from the durable offset on another");
    await expectRefusal(sessions.admit(), "SHUTTING_DOWN");
    expect(() => sessions.assertAdmitting()).to.throw("shutting down");
  });

  describe("that share seats with other processes", () => {
    /** A pool that says what was asked of it; `answer` answers the oldest question. */
    const createPool = (spareMax: number) => {
      const asked: number[] = [];
      const givenBack: number[] = [];
      const answers: ((count: number) => void)[] = [];
      const pool: SeatPool = {
        ...{ seatsMax: 100, spareMax },
        take: (count) => {
          asked.push(count);
          return new Promise((resolve) => answers.push(resolve));
        },
        giveBack: (count) => givenBack.push(count),
      };
      return { pool, asked, givenBack, answer: (count: number) => answers.shift()?.(count) };
    };
    const settle = async (admitted: readonly Promise<Seat>[]) =>
      (await Promise.allSettled(admitted)).map(({ status }) => status);

    it("ask once for all who wait, and again for those that are left", async () => {
      const { pool, asked, givenBack, answer } = createPool(0);
      const sessions = new UploadSessions(pool);
      const admitted = [sessions.admit(), sessions.admit(), sessions.admit()];
      expect(asked).to.deep.equal([1]);
      answer(1);
      await admitted[0];
      expect(asked).to.deep.equal([1, 2]);
      answer(1);
      await admitted[1];
      answer(0);
      expect(await settle(admitted)).to.deep.equal(["fulfilled", "fulfilled", "rejected"]);
      expect([sessions.size, givenBack]).to.deep.equal([2, []]);
    });

    it("keep a few free ones, and give back what is more", async () => {
      const { pool, asked, givenBack, answer } = createPool(2);
      const sessions = new UploadSessions(pool);
      const admitted = [sessions.admit(), sessions.admit(), sessions.admit()];
      answer(2);
      await admitted[1];
      answer(2);
      const seats = await Promise.all(admitted);
      expect([asked, givenBack]).to.deep.equal([[2, 2], []]);
      for (const seat of seats) sessions.release(seat);
      expect(
        givenBack.reduce((sum, count) => sum + count, 0),
        "of four, two are kept",
      ).to.equal(2);
      await Promise.all([sessions.admit(), sessions.admit()]);
      expect(asked, "nothing was asked for").to.have.length(2);
    });

    it("give back what came too late for a process that drains", async () => {
      const { pool, givenBack, answer } = createPool(0);
      const sessions = new UploadSessions(pool);
      const admitted = sessions.admit();
      sessions.drain();
      answer(1);
      await expectRefusal(admitted, "SHUTTING_DOWN");
      expect(givenBack).to.deep.equal([1]);
    });
  });
});
