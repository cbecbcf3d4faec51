import { expect } from "chai";
import type { DomainError } from "../domain/errors.ts";
import { PART_MESSAGE_MAX_BYTES } from "../domain/uploads/part-plan.ts";
import { expectRefusal } from "../testing/rigs/database/repository-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { BENCH_LIMITS } from "../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import { admitPart, type PartMessage } from "./admit-part.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { UploadSessions } from "./upload-sessions.ts";
import { OwnSlots } from "./upload-slots.ts";

describe("admitPart", () => {
  const createAccess = (options: { budgetBytes: number; stallTimeoutMs?: number; uploadsMax?: number }) => ({
    budget: new MemoryBudget(options.budgetBytes),
    limits: { ...BENCH_LIMITS, stallTimeoutMs: options.stallTimeoutMs ?? 60_000 },
    sessions: new UploadSessions(new OwnSlots(options.uploadsMax ?? 10), { silenceMaxMs: 5000 }),
  });
  const { signal } = new AbortController();
  const admit = (
    access: ReturnType<typeof createAccess>,
    message: Partial<PartMessage>,
    callSignal: AbortSignal = signal,
  ) => {
    const usual = { connection: "1", receivedBytes: 0, isWhole: false, refuse: () => {}, expectBytesWithin: () => {} };
    return admitPart(access, { ...usual, ...message }, { caller: SAMPLE_CALLER, signal: callSignal });
  };

  it("takes room for a message twice, and a slot, until both are given back", async () => {
    const access = createAccess({ budgetBytes: 1000 });
    const release = await admit(access, { declaredBytes: 300 });
    expect([access.budget.usedBytes, access.sessions.size]).to.deep.equal([600, 1]);
    release();
    release();
    expect([access.budget.usedBytes, access.sessions.size]).to.deep.equal([0, 0]);
  });

  it("expects the largest message where its length is not said, and never more than there is", async () => {
    const access = createAccess({ budgetBytes: 10 * PART_MESSAGE_MAX_BYTES });
    for (const declaredBytes of [undefined, 10 ** 15]) {
      const release = await admit(access, { declaredBytes });
      expect(access.budget.usedBytes).to.equal(2 * PART_MESSAGE_MAX_BYTES);
      release();
    }
    const small = createAccess({ budgetBytes: 1000 });
    const release = await admit(small, {});
    expect(small.budget.usedBytes).to.equal(1000);
    release();
    expect(small.budget.usedBytes).to.equal(0);
  });

  it("waits for its turn, and gives the slot back when the caller goes", async () => {
    const access = createAccess({ budgetBytes: 1000 });
    const first = await admit(access, { declaredBytes: 500 });
    const second = admit(access, { declaredBytes: 200 });
    const caller = new AbortController();
    const third = admit(access, { declaredBytes: 100 }, caller.signal);
    caller.abort(new Error("gone"));
    expect(await third.catch((error: Error) => error.message)).to.equal("gone");
    expect(access.sessions.size).to.equal(2);
    first();
    (await second)();
    expect([access.budget.usedBytes, access.sessions.size]).to.deep.equal([0, 0]);
  });

  it("has the message refused when it stops coming, or comes slowly while somebody waits", async () => {
    let now = 0;
    const access = createAccess({ budgetBytes: 1000 });
    access.budget = new MemoryBudget(1000, { now: () => now });
    const refusals: string[] = [];
    const expectations: string[] = [];
    const message = {
      declaredBytes: 400,
      receivedBytes: 0,
      isWhole: false,
      refuse: (error: Error) => void refusals.push((error as DomainError).reason),
      expectBytesWithin: (timeoutMs: number, toError: () => Error) =>
        void expectations.push(`${timeoutMs} ${(toError() as DomainError).reason}`),
    };
    const release = await admitPart(access, { ...message, connection: "1" }, { caller: SAMPLE_CALLER, signal });
    expect(expectations).to.deep.equal(["60000 STALLED"]);
    const pass = () => {
      for (let round = 0; round < 40; round++) {
        now += 250;
        access.budget.rebalance();
      }
    };
    pass();
    expect(refusals, "nobody waits").to.deep.equal([]);
    const waiting = admit(access, { declaredBytes: 200, connection: "2" });
    await until("it waits for memory", () => access.sessions.size === 2);
    pass();
    expect(refusals).to.deep.equal(["OVERLOADED"]);
    release();
    (await waiting)();
    expect([access.budget.usedBytes, access.sessions.size]).to.deep.equal([0, 0]);
  });

  it("refuses when there is no room in time, no slot, or the process drains", async () => {
    const access = createAccess({ budgetBytes: 1000, stallTimeoutMs: 1, uploadsMax: 2 });
    const release = await admit(access, { declaredBytes: 500 });
    const late = await expectRefusal(admit(access, { declaredBytes: 200 }), "OVERLOADED");
    expect(late.retryAfterMs).to.equal(1000);
    const waiting = createAccess({ budgetBytes: 1000, uploadsMax: 2 });
    await admit(waiting, { declaredBytes: 500 });
    const told = expectRefusal(admit(waiting, { declaredBytes: 500 }), "SHUTTING_DOWN");
    await expectRefusal(admit(waiting, { declaredBytes: 1 }), "OVERLOADED");
    waiting.sessions.drain();
    await told;
    await expectRefusal(admit(waiting, { declaredBytes: 1 }), "SHUTTING_DOWN");
    release();
    expect(access.sessions.size).to.equal(0);
  });

  describe("when all upload slots are taken", () => {
    const open = () => {
      const clock = { now: 0 };
      const access = { ...createAccess({ budgetBytes: 1000, uploadsMax: 8 }), now: () => clock.now };
      const refusals: string[] = [];
      const refuse = (error: Error) => void refusals.push((error as DomainError).reason);
      const takeOthers = async (count: number) => {
        for (let taken = 0; taken < count; taken++) await access.sessions.admit("another");
      };
      return { access, clock, refusals, refuse, takeOthers };
    };

    it("loses its own while its caller sends nothing", async () => {
      const { access, clock, refusals, refuse, takeOthers } = open();
      const release = await admit(access, { declaredBytes: 400, refuse });
      await takeOthers(7);
      clock.now = 5000;
      await access.sessions.admit("third");
      expect(refusals).to.deep.equal(["OVERLOADED"]);
      release();
      expect([access.budget.usedBytes, access.sessions.size]).to.deep.equal([0, 8]);
    });

    it("is silent for as long as no byte has come", async () => {
      const { access, clock } = open();
      const message = {
        connection: "1",
        receivedBytes: 0,
        isWhole: false,
        refuse: () => {},
        expectBytesWithin: () => {},
      };
      await admitPart(access, message, { caller: SAMPLE_CALLER, signal });
      const silences: (number | undefined)[] = [];
      for (const [ms, bytes] of [
        [4999, 0],
        [1001, 1],
        [4999, 0],
        [1, 0],
        [1000, 0],
        [0, 1],
      ] as const) {
        clock.now += ms;
        message.receivedBytes += bytes;
        silences.push((await access.sessions.listSilent())[0]?.silentMs);
      }
      expect(silences).to.deep.equal([undefined, undefined, undefined, 5000, 6000, undefined]);
    });

    it("keeps it when its message is whole, or waits for memory", async () => {
      const { access, clock, refusals, refuse, takeOthers } = open();
      const release = await admit(access, { declaredBytes: 400, isWhole: true, refuse });
      const waiting = admit(access, { declaredBytes: 300, refuse });
      await takeOthers(6);
      clock.now = 60_000;
      await expectRefusal(access.sessions.admit("third"), "OVERLOADED");
      expect(refusals).to.deep.equal([]);
      release();
      (await waiting)();
    });
  });
});
