import { expect } from "chai";
import { runChaos } from "./chaos/run-chaos.ts";

/** A short run of `npm run chaos`. Shares of failed calls are measured elsewhere, on a machine that does nothing else. */
describe("The service under faults", () => {
  it("loses nothing, commits nothing twice, leaves nothing behind, and never contradicts itself", async () => {
    const result = await runChaos({
      ...{ seed: 2, plan: "all", durationMs: 15_000, faultMaxMs: 1000 },
      ...{ s3: "dev", replicas: 2, partSizeBytes: 64 * 1024 },
      ...{ callers: 2, sizesBytes: [1024, 2 ** 19], pauseMs: 150, pairs: 10, callsPerHistory: 10_000 },
      report: () => {},
    });
    const kinds = result.faults.map(({ kind }) => kind);
    expect(kinds).to.include.members(["replica killed", "database killed", "storage away"]);
    expect(result.wrong, "lost or wrong").to.deep.equal([]);
    expect(result.doubled, "committed twice").to.equal(0);
    expect(result.orphans, "left in the bucket").to.deep.equal([]);
    expect(result.history.problems).to.deep.equal([]);
    expect(result.history.calls, "calls on contested paths").to.be.greaterThan(20);
  });
});
