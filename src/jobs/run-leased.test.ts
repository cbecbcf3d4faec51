import { expect } from "chai";
import { FakeJobLeases } from "../testing/fakes/fake-job-leases.ts";
import { until } from "../testing/rigs/until.ts";
import { type LeasedJob, runLeased } from "./run-leased.ts";

describe("runLeased", () => {
  const open = () => {
    const clock = { now: 1_700_000_000_000 };
    const leases = new FakeJobLeases(() => clock.now);
    const cursors: string[] = [];
    const job: LeasedJob = {
      name: "sweep",
      everyMs: 1000,
      retryAfterMs: 100,
      run: async ({ cursor }) => {
        cursors.push(cursor);
        return `${cursor}+`;
      },
    };
    const run = (holder = "first", changed: Partial<LeasedJob> = {}) =>
      runLeased(leases, { ...job, ...changed }, { holder, leaseMs: 30 });
    return { clock, leases, cursors, run };
  };

  it("runs a job when it is due, whoever asks, and goes on where the last run stopped", async () => {
    const { clock, cursors, run } = open();
    expect(await run()).to.equal(true);
    expect(await run("second"), "not due").to.equal(false);
    clock.now += 100;
    expect(await run("second", { run: async ({ cursor }) => (cursor === "+" ? "" : "wrong") })).to.equal(true);
    clock.now += 999;
    expect(await run(), "all was done").to.equal(false);
    clock.now += 1;
    expect(await run()).to.equal(true);
    expect(cursors).to.deep.equal(["", ""]);
  });

  it("runs one that failed again after its own time, from where it was", async () => {
    const { clock, cursors, run } = open();
    await run();
    clock.now += 100;
    const failed = await run("first", { run: () => Promise.reject(new Error("no")) }).catch((error) => error);
    expect(failed).to.have.property("message", "no");
    clock.now += 99;
    expect(await run()).to.equal(false);
    clock.now += 1;
    expect(await run()).to.equal(true);
    expect(cursors).to.deep.equal(["", "+"]);
  });

  it("keeps the lease while the job runs", async () => {
    const { clock, leases, run } = open();
    const kept: number[] = [];
    const keep = leases.keep.bind(leases);
    leases.keep = async (...args) => {
      kept.push(clock.now);
      return await keep(...args);
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = run("first", { run: () => promise.then(() => "") });
    for (let step = 0; step < 5; step++) {
      clock.now += 25;
      await until("the lease is kept", () => kept.at(-1) === clock.now);
      expect(await run("second")).to.equal(false);
    }
    resolve();
    expect(await running).to.equal(true);
  });

  it("tells a run whose lease has passed that somebody else has the job", async () => {
    const { clock, leases, run } = open();
    let reason: unknown;
    const running = run("slow", {
      run: async ({ signal }) => {
        clock.now += 31;
        await leases.take("sweep", { holder: "heir", leaseMs: 60_000 });
        await until("the run is told", () => signal.aborted);
        reason = signal.reason;
        return "wrong";
      },
    });
    expect(await running).to.equal(true);
    expect(reason).to.have.property("message", 'another replica has taken the job "sweep"');
    clock.now += 60_000;
    expect(await leases.take("sweep", { holder: "third", leaseMs: 1 }), "its cursor counts for nothing").to.deep.equal({
      cursor: "",
    });
  });
});
