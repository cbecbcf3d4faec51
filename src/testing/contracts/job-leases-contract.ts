import { expect } from "chai";
import type { JobLeases } from "../../domain/job-leases.ts";

const HOUR_MS = 3_600_000;

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
    await leases.end(name, { holder: "dead", dueAfterMs: 0, cursor: "wrong" });
    expect(await leases.take(name, { holder: "third", leaseMs: HOUR_MS })).to.equal(undefined);
    expect(await leases.keep(name, { holder: "heir", leaseMs: 0 })).to.equal(true);
    expect(await leases.take(name, { holder: "third", leaseMs: HOUR_MS })).to.deep.equal({ cursor: "" });
  });

  it("lends a job that ended not before it is due, and says where the last run stopped", async () => {
    const name = nextName();
    await leases.take(name, { holder: "first", leaseMs: HOUR_MS });
    await leases.end(name, { holder: "first", dueAfterMs: 0, cursor: "page 7" });
    expect(await leases.take(name, { holder: "second", leaseMs: HOUR_MS })).to.deep.equal({ cursor: "page 7" });
    await leases.end(name, { holder: "second", dueAfterMs: HOUR_MS, cursor: "" });
    expect(await leases.take(name, { holder: "first", leaseMs: HOUR_MS })).to.equal(undefined);
  });

  it("keeps nothing of a job that nobody took", async () => {
    const name = nextName();
    expect(await leases.keep(name, { holder: "nobody", leaseMs: HOUR_MS })).to.equal(false);
    await leases.end(name, { holder: "nobody", dueAfterMs: HOUR_MS, cursor: "x" });
    expect(await leases.take(name, { holder: "first", leaseMs: 0 })).to.deep.equal({ cursor: "" });
  });
}
