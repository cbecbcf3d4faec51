import { expect } from "chai";
import { type JobLeases, LOST_RUN } from "../../domain/jobs/job-leases.ts";

const HOUR_MS = 3_600_000;
const DONE = { outcome: "done", problem: "" } as const;

/** The contract of every JobLeases. `make` is called once. */
export function jobLeasesContract(make: () => Promise<{ leases: JobLeases; close(): Promise<void> }>): void {
  let leases: JobLeases;
  let close: () => Promise<void>;
  let names = 0;
  before(async () => {
    ({ leases, close } = await make());
  });
  after(() => close());
  const nextName = () => `job ${++names}`;

  it("lends a job to one of many that ask at once, and to nobody else while it is lent", async () => {
    const name = nextName();
    const holders = Array.from({ length: 10 }, (_, index) => `replica ${index}`);
    const taken = await Promise.all(holders.map((holder) => leases.take(name, { holder, leaseMs: HOUR_MS })));
    expect(taken.filter((lease) => lease !== undefined)).to.deep.equal([{ cursor: "" }]);
    const winner = holders[taken.findIndex((lease) => lease !== undefined)] as string;
    expect(await leases.take(name, { holder: winner, leaseMs: HOUR_MS }), "its holder, again").to.equal(undefined);
    expect(await leases.take(nextName(), { holder: "other", leaseMs: HOUR_MS }), "another job").not.to.equal(undefined);
  });

  it("lends it again once the lease of a holder that died has passed, who then holds nothing", async () => {
    const name = nextName();
    await leases.take(name, { holder: "dead", leaseMs: 0 });
    expect(await leases.take(name, { holder: "heir", leaseMs: HOUR_MS })).to.deep.equal({ cursor: "" });
    expect(await leases.keep(name, { holder: "dead", leaseMs: HOUR_MS })).to.equal(false);
    await leases.end(name, { holder: "dead", dueAfterMs: 0, cursor: "wrong", ...DONE });
    expect(await leases.take(name, { holder: "third", leaseMs: HOUR_MS })).to.equal(undefined);
    expect(await leases.keep(name, { holder: "heir", leaseMs: 0 })).to.equal(true);
    expect(await leases.take(name, { holder: "third", leaseMs: HOUR_MS })).to.deep.equal({ cursor: "" });
  });

  it("lends a job that ended not before it is due, and says where the last run stopped", async () => {
    const name = nextName();
    await leases.take(name, { holder: "first", leaseMs: HOUR_MS });
    await leases.end(name, { holder: "first", dueAfterMs: 0, cursor: "page 7", ...DONE });
    expect(await leases.take(name, { holder: "second", leaseMs: HOUR_MS })).to.deep.equal({ cursor: "page 7" });
    await leases.end(name, { holder: "second", dueAfterMs: HOUR_MS, cursor: "", ...DONE });
    expect(await leases.take(name, { holder: "first", leaseMs: HOUR_MS })).to.equal(undefined);
  });

  it("keeps nothing of a job that nobody took", async () => {
    const name = nextName();
    expect(await leases.keep(name, { holder: "nobody", leaseMs: HOUR_MS })).to.equal(false);
    await leases.end(name, { holder: "nobody", dueAfterMs: HOUR_MS, cursor: "x", ...DONE });
    expect(await leases.take(name, { holder: "first", leaseMs: 0 })).to.deep.equal({ cursor: "" });
  });
  describe("the list of jobs", () => {
    const find = async (name: string) =>
      (await leases.list({ after: "", limit: 1000 })).find((job) => job.name === name);

    it("says what runs, since when and where, and how the last run ended", async () => {
      const name = nextName();
      await leases.take(name, { holder: "first", leaseMs: HOUR_MS });
      const running = await find(name);
      expect(running).to.deep.include({ name, holder: "first", lastRun: undefined });
      expect(running?.runningSince).to.be.instanceOf(Date);
      await leases.end(name, {
        holder: "first",
        dueAfterMs: HOUR_MS,
        cursor: "",
        outcome: "failed",
        problem: "it rains",
      });
      const ended = await find(name);
      expect(ended).to.deep.include({ holder: "first", runningSince: undefined });
      expect(ended?.lastRun).to.deep.include({
        beginTime: running?.runningSince,
        outcome: "failed",
        problem: "it rains",
      });
      const { endTime } = ended?.lastRun ?? {};
      expect(ended?.untilTime.getTime()).to.equal((endTime?.getTime() ?? 0) + HOUR_MS);
    });

    it("says of a run whose holder died that it failed, also while the next one runs", async () => {
      const name = nextName();
      await leases.take(name, { holder: "dead", leaseMs: 0 });
      const lost = { outcome: "failed", problem: LOST_RUN };
      const died = await find(name);
      expect(died).to.include({ runningSince: undefined, holder: "dead" });
      expect(died?.lastRun).to.deep.include(lost);
      await leases.take(name, { holder: "heir", leaseMs: HOUR_MS });
      const next = await find(name);
      expect(next?.lastRun).to.deep.equal(died?.lastRun);
      expect(next?.runningSince).to.be.instanceOf(Date);
    });

    it("comes in pages by name, and leaves out what namespaces that are gone have left", async () => {
      const prefix = `page ${++names}`;
      for (const end of ["a", "b/default", "c/gone"])
        await leases.take(`${prefix} ${end}`, { holder: "any", leaseMs: HOUR_MS });
      const list = async (after: string, limit: number) =>
        (await leases.list({ after, limit })).map(({ name }) => name).filter((name) => name.startsWith(prefix));
      expect(await list(prefix, 1)).to.deep.equal([`${prefix} a`]);
      expect(await list(`${prefix} a`, 10)).to.deep.equal([`${prefix} b/default`]);
    });
  });
}
