import { expect } from "chai";
import type { DomainError } from "../domain/errors.ts";
import { expectRefusal } from "../testing/rigs/database/repository-subject.ts";
import { UploadSessions } from "./upload-sessions.ts";
import { OwnSlots, type SlotPool, type SlotRefusal } from "./upload-slots.ts";

describe("UploadSessions", () => {
  const LIMITS = { silenceMaxMs: 5000 };

  /** Admits a stream of a caller that has been silent for so long; what it was ended with goes to `told`. */
  const admit = async (sessions: UploadSessions, caller: string, silentMs = 0) => {
    const slot = await sessions.admit(caller);
    const told: DomainError[] = [];
    const note = (error: Error) => void told.push(error as DomainError);
    slot.session = { fail: note, received: undefined, load: { parts: 2, spilledBytes: 3 }, silentMs };
    return { slot, told };
  };

  it("admits so many at once, and another when one has gone", async () => {
    const sessions = new UploadSessions(new OwnSlots(2), LIMITS);
    const { slot } = await admit(sessions, "a");
    await admit(sessions, "b");
    const refusal = await expectRefusal(sessions.admit("c"), "OVERLOADED");
    expect(refusal.message).to.include("2 uploads are being written here");
    expect(refusal).to.include({ code: "resource_exhausted", retryAfterMs: 1000 });
    sessions.release(slot);
    sessions.release(slot);
    expect(sessions.size).to.equal(1);
    await sessions.admit("c");
  });

  it("keeps an eighth from any single caller, and says so", async () => {
    const sessions = new UploadSessions(new OwnSlots(8), LIMITS);
    for (let admitted = 0; admitted < 7; admitted++) await admit(sessions, "a");
    const refusal = await expectRefusal(sessions.admit("a"), "OVERLOADED");
    expect(refusal.message).to.include("you write 7 of the 8 uploads");
    expect(refusal).to.deep.include({ code: "resource_exhausted", details: { uploads_max: 8 } });
    await admit(sessions, "b");
  });

  it("ends the longest silent stream for one that comes when all slots are taken, and none before", async () => {
    const sessions = new UploadSessions(new OwnSlots(8), LIMITS);
    const streams: Awaited<ReturnType<typeof admit>>[] = [];
    for (const silentMs of [0, 4999, 7000, 5000, 0, 0, 0]) streams.push(await admit(sessions, "a", silentMs));
    await admit(sessions, "b");
    const reasons = () => streams.map(({ told }) => told.map(({ reason }) => reason).join());
    expect(reasons().join("")).to.equal("");
    await admit(sessions, "b");
    await admit(sessions, "c");
    expect(reasons()).to.deep.equal(["", "", "OVERLOADED", "OVERLOADED", "", "", ""]);
    const [error] = streams[2]?.told ?? [];
    expect(error).to.deep.include({ code: "resource_exhausted", details: { uploads_max: 8, silent_ms: 7000 } });
    expect(error?.message).to.equal(
      "no byte came for 7000 ms while all 8 upload slots were taken, and another caller has the slot now; go on from the durable offset when there are bytes to send",
    );
    await expectRefusal(sessions.admit("c"), "OVERLOADED");
    for (const { slot } of streams) sessions.release(slot);
    expect(sessions.size, "a slot that was lost is not given back twice").to.equal(3);
  });

  it("tells everybody when it drains, and admits nobody any more", async () => {
    const sessions = new UploadSessions(new OwnSlots(8), LIMITS);
    const streams = [await admit(sessions, "a"), await admit(sessions, "a")];
    await sessions.admit("a");
    sessions.assertAdmitting();
    sessions.drain();
    for (const { told } of streams) {
      expect(told.map(({ message }) => message).join()).to.include("go on from the durable offset on another");
    }
    await expectRefusal(sessions.admit("a"), "SHUTTING_DOWN");
    expect(() => sessions.assertAdmitting()).to.throw("shutting down");
  });

  describe("that share slots with other processes", () => {
    /** A pool that notes what is taken and given back; `answer` answers the oldest question. */
    const createPool = (spareMax: number) => {
      const [taken, givenBack]: string[][] = [[], []];
      const answers: ((refusal: SlotRefusal | undefined) => void)[] = [];
      const pool: SlotPool = {
        slotsMax: 100,
        spareMax,
        serve: () => {},
        take: (caller) => {
          taken?.push(caller);
          return new Promise((resolve) => answers.push(resolve));
        },
        giveBack: (caller) => void givenBack?.push(caller),
      };
      return { pool, taken, givenBack, answer: (refusal?: SlotRefusal) => answers.shift()?.(refusal) };
    };

    it("keep a few free ones for the callers who had them, and give back what is more", async () => {
      const { pool, taken, givenBack, answer } = createPool(2);
      const sessions = new UploadSessions(pool, LIMITS);
      const admitted = ["a", "b", "a"].map((caller) => sessions.admit(caller));
      for (let answered = 0; answered < 3; answered++) answer();
      for (const slot of await Promise.all(admitted)) sessions.release(slot);
      expect([taken, givenBack]).to.deep.equal([["a", "b", "a"], ["a"]]);
      await Promise.all([sessions.admit("a"), sessions.admit("b")]);
      expect(taken, "nothing was asked for").to.have.length(3);
      const third = sessions.admit("a");
      expect(taken).to.deep.equal(["a", "b", "a", "a"]);
      answer("share");
      await expectRefusal(third, "OVERLOADED");
    });

    it("give the free ones back when all are taken", async () => {
      const { pool, givenBack, answer } = createPool(2);
      const sessions = new UploadSessions(pool, LIMITS);
      const admitted = sessions.admit("a");
      answer();
      sessions.release(await admitted);
      expect([await sessions.listSilent(), givenBack]).to.deep.equal([[], ["a"]]);
    });

    it("give back what came too late for a process that drains", async () => {
      const { pool, givenBack, answer } = createPool(0);
      const sessions = new UploadSessions(pool, LIMITS);
      const admitted = sessions.admit("a");
      sessions.drain();
      answer();
      await expectRefusal(admitted, "SHUTTING_DOWN");
      expect(givenBack).to.deep.equal(["a"]);
    });
  });
});
