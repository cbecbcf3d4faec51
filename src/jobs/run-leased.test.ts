import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { PROBLEM_MAX_CHARACTERS } from "../domain/jobs/job-leases.ts";
import { FakeJobLeases } from "../testing/fakes/fake-job-leases.ts";
import { until } from "../testing/rigs/until.ts";
import { ALL_DONE, type LeasedJob, runLeased } from "./run-leased.ts";

describe("runLeased", () => {
  const open = () => {
    const clock = { now: 1_700_000_000_000 };
    const leases = new FakeJobLeases(() => clock.now);
    const cursors: string[] = [];
    const job: LeasedJob = {
      name: "sweep-uploads",
      everyMs: 1000,
      retryAfterMs: 100,
      run: async ({ cursor }) => {
        cursors.push(cursor);
        return { cursor: `${cursor}+`, errors: [] };
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
    expect(
      await run("second", { run: async ({ cursor }) => ({ cursor: cursor === "+" ? "" : "wrong", errors: [] }) }),
    ).to.equal(true);
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

  it("notes how each run ended, and of errors that are not for others only where they are logged", async () => {
    const { leases, run } = open();
    const away = new DomainError("unavailable", "storage is away", { reason: "STORAGE_UNAVAILABLE" });
    const lastRun = async () => (await leases.list({ after: "", limit: 1 }))[0]?.lastRun;
    await run("first", { everyMs: 0, run: async () => ALL_DONE });
    expect(await lastRun()).to.include({ outcome: "done", problem: "" });
    await run("first", { everyMs: 0, run: async () => ({ cursor: "", errors: [away, new Error("a"), away] }) });
    expect(await lastRun()).to.include({ outcome: "incomplete", problem: "storage is away (and 2 more)" });
    const secret = new Error("password=1234");
    await run("first", { retryAfterMs: 0, run: () => Promise.reject(secret) }).catch(() => {});
    expect(await lastRun()).to.include({ outcome: "failed", problem: "an internal error; the log of first says more" });
    const long = new DomainError("unavailable", "x".repeat(2000), { reason: "STORAGE_UNAVAILABLE" });
    await run("first", { retryAfterMs: 0, run: () => Promise.reject(long) }).catch(() => {});
    expect((await lastRun())?.problem).to.have.lengthOf(PROBLEM_MAX_CHARACTERS);
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
    const running = run("first", { run: () => promise.then(() => ALL_DONE) });
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
        await leases.take("sweep-uploads", { holder: "heir", leaseMs: 60_000 });
        await until("the run is told", () => signal.aborted);
        reason = signal.reason;
        return { cursor: "wrong", errors: [] };
      },
    });
    expect(await running).to.equal(true);
    expect(reason).to.have.property("message", 'another replica has taken the job "sweep-uploads"');
    clock.now += 60_000;
    expect(
      await leases.take("sweep-uploads", { holder: "third", leaseMs: 1 }),
      "its cursor counts for nothing",
    ).to.deep.equal({
      cursor: "",
    });
  });
});
