import { expect } from "chai";
import { reportKills } from "./kill-report.ts";
import { type KillOptions, runKills } from "./run-kills.ts";

/** Kills services under uploads and expects that nothing is lost, left behind or committed twice; `hitMin` uploads at least were interrupted. */
export function killSuite(options: Omit<KillOptions, "s3" | "onTrial"> & { readonly hitMin: number }): void {
  it(`loses nothing, leaves nothing behind, and commits once, with ${options.workers} worker(s)`, async () => {
    const result = await runKills({ ...options, s3: "dev" });
    const { text, problems } = reportKills(result);
    expect(problems, text).to.deep.equal([]);
    const hit = result.trials.flatMap(({ uploads }) => uploads).filter(({ wasHit }) => wasHit);
    expect(hit.length, "uploads that were under way").to.be.at.least(options.hitMin);
  });
}
