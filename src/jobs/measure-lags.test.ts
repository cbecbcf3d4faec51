import { expect } from "chai";
import { useManualClock } from "../testing/fakes/use-manual-clock.ts";
import { useCollectedMetrics } from "../testing/rigs/telemetry/collected-metrics.ts";
import { toLagMeasuring } from "./measure-lags.ts";
import { ALL_DONE } from "./run-leased.ts";

const NAMES = ["sluice.journal.lag", "sluice.audit.lag", "sluice.delivery.lag", "sluice.purge.lag"] as const;

describe("toLagMeasuring", () => {
  const metrics = useCollectedMetrics();
  const { pass } = useManualClock();
  const readAll = async () => {
    const found = [];
    for (const name of NAMES) found.push(await metrics.read(name));
    return found;
  };

  it("asks again and again while it has the lease, and tells nothing from then on", async () => {
    let asked = 0;
    const readLags = async () => ({ journalMs: ++asked * 1000, auditMs: 2500, deliveryMs: 0, purgeMs: 60_000 });
    const job = toLagMeasuring(readLags, { isAudited: true, everyMs: 100 });
    expect(await readAll()).to.deep.equal([[], [], [], []]);
    const lease = new AbortController();
    const run = job.run({ cursor: "", signal: lease.signal });
    await pass(0);
    expect(await readAll()).to.deep.equal([[[1, {}]], [[2.5, {}]], [[0, {}]], [[60, {}]]]);
    await readAll();
    expect(asked).to.equal(1);
    await pass(100);
    expect((await readAll())[0]).to.deep.equal([[2, {}]]);
    lease.abort(new Error("another replica has taken the job"));
    expect(await run).to.deep.equal(ALL_DONE);
    expect(await readAll()).to.deep.equal([[], [], [], []]);
  });

  it("tells nothing while the database does not answer, and nothing of an audit log that is not published", async () => {
    const readLags = async () => ({ journalMs: 0, auditMs: 2500, deliveryMs: 0, purgeMs: 0 });
    const { signal } = new AbortController();
    const failing = toLagMeasuring(() => Promise.reject(new Error("away")), { isAudited: false, everyMs: 100 });
    expect(await failing.run({ cursor: "", signal }).catch(({ message }) => message)).to.equal("away");
    expect(await readAll()).to.deep.equal([[], [], [], []]);
    const lease = new AbortController();
    const run = toLagMeasuring(readLags, { isAudited: false, everyMs: 100 }).run({ cursor: "", signal: lease.signal });
    await pass(0);
    expect(await readAll()).to.deep.equal([[[0, {}]], [], [[0, {}]], [[0, {}]]]);
    lease.abort(new Error("the service stops"));
    await run;
  });
});
