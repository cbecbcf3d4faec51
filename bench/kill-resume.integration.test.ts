import { expect } from "chai";
import { reportKills } from "./kills/kill-report.ts";
import { runKills } from "./kills/run-kills.ts";

describe("A service that is killed in the middle of uploads", function () {
  this.timeout(120_000);

  for (const workers of [1, 2]) {
    it(`loses nothing, leaves nothing behind, and commits once, with ${workers} worker(s)`, async () => {
      const result = await runKills({ seed: 3, kills: 5, s3: "dev", services: 2, workers, uploadsPerKill: 3 });
      const { text } = reportKills(result);
      const uploads = result.trials.flatMap((trial) => trial.uploads);
      expect(
        uploads.flatMap(({ problems }) => problems),
        text,
      ).to.deep.equal([]);
      expect(result.orphans, "left in the bucket").to.deep.equal([]);
      const hit = uploads.filter(({ wasHit }) => wasHit);
      expect(hit.length, "uploads that were under way").to.be.greaterThan(5);
    });
  }
});
