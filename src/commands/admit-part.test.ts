import { expect } from "chai";
import { MemoryBudget } from "../domain/memory-budget.ts";
import { PART_MESSAGE_MAX_BYTES } from "../domain/part-plan.ts";
import { expectRefusal } from "../testing/repository-subject.ts";
import { BENCH_LIMITS } from "../testing/writer-bench.ts";
import { admitPart } from "./admit-part.ts";
import { UploadSessions } from "./upload-sessions.ts";

describe("admitPart", () => {
  const createAccess = (options: { budgetBytes: number; stallTimeoutMs?: number; uploadsMax?: number }) => ({
    budget: new MemoryBudget(options.budgetBytes),
    limits: { ...BENCH_LIMITS, stallTimeoutMs: options.stallTimeoutMs ?? 60_000 },
    sessions: new UploadSessions(options.uploadsMax ?? 10),
  });
  const { signal } = new AbortController();
  const connection = "1";

  it("takes room for a message twice, and a seat, until both are given back", async () => {
    const access = createAccess({ budgetBytes: 1000 });
    const release = await admitPart(access, { messageBytes: 300, connection, signal });
    expect([access.budget.usedBytes, access.sessions.size]).to.deep.equal([600, 1]);
    release();
    release();
    expect([access.budget.usedBytes, access.sessions.size]).to.deep.equal([0, 0]);
  });

  it("expects the largest message where its length is not said, and never more than there is", async () => {
    const access = createAccess({ budgetBytes: 10 * PART_MESSAGE_MAX_BYTES });
    for (const messageBytes of [undefined, 10 ** 15]) {
      const release = await admitPart(access, { messageBytes, connection, signal });
      expect(access.budget.usedBytes).to.equal(2 * PART_MESSAGE_MAX_BYTES);
      release();
    }
    const small = createAccess({ budgetBytes: 1000 });
    (await admitPart(small, { connection, signal }))();
    expect(small.budget.usedBytes).to.equal(0);
  });

  it("waits for its turn, and gives the seat back when the caller goes", async () => {
    const access = createAccess({ budgetBytes: 1000 });
    const first = await admitPart(access, { messageBytes: 500, connection, signal });
    const second = admitPart(access, { messageBytes: 100, connection, signal });
    const caller = new AbortController();
    const third = admitPart(access, { messageBytes: 100, connection, signal: caller.signal });
    caller.abort(new Error("gone"));
    expect(await third.catch((error: Error) => error.message)).to.equal("gone");
    expect(access.sessions.size).to.equal(2);
    first();
    (await second)();
    expect([access.budget.usedBytes, access.sessions.size]).to.deep.equal([0, 0]);
  });

  it("refuses when there is no room in time, no seat, or the process drains", async () => {
    const access = createAccess({ budgetBytes: 1000, stallTimeoutMs: 1, uploadsMax: 2 });
    const release = await admitPart(access, { messageBytes: 500, connection, signal });
    const late = await expectRefusal(admitPart(access, { messageBytes: 1, connection, signal }), "OVERLOADED");
    expect(late.retryAfterMs).to.equal(1000);
    const waiting = createAccess({ budgetBytes: 1000, uploadsMax: 2 });
    await admitPart(waiting, { messageBytes: 500, connection, signal });
    const told = expectRefusal(admitPart(waiting, { messageBytes: 500, connection, signal }), "SHUTTING_DOWN");
    await expectRefusal(admitPart(waiting, { messageBytes: 1, connection, signal }), "OVERLOADED");
    waiting.sessions.drain();
    await told;
    await expectRefusal(admitPart(waiting, { messageBytes: 1, connection, signal }), "SHUTTING_DOWN");
    release();
    expect(access.sessions.size).to.equal(0);
  });
});
