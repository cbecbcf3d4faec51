import { reportKills } from "../kills/kill-report.ts";
import { runKills } from "../kills/run-kills.ts";
import type { Scenario } from "./scenario.ts";

/** The results of `npm run bench:kills` as figures. */
export const kills: Scenario = {
  id: "kills",
  async measure({ scale }) {
    const count = Math.max(1, Math.round(200 * scale));
    const result = await runKills({ seed: 1, kills: count, s3: "dev", services: 2, workers: 1, uploadsPerKill: 3 });
    const { problems } = reportKills(result);
    const uploads = result.trials.flatMap((trial) => trial.uploads);
    const broken = result.trials.filter((trial) => trial.uploads.some((upload) => upload.problems.length > 0));
    const resent = uploads.map(
      ({ resentBytes, upload }) => resentBytes / result.partSizeBytes / (upload.isSizeDeclared ? 1 : 2),
    );
    return [
      {
        name: `kill -9 at ${count} random moments: kills after which a file or the bucket was not right`,
        unit: "count",
        measured: broken.length + result.orphans.length,
        must: { atMost: 0 },
        note:
          problems.slice(0, 3).join("; ") || `${uploads.length} uploads, all equal, each one generation, no orphans`,
      },
      {
        name: "parts sent to S3 again after a kill, at most",
        unit: "ratio",
        measured: Math.max(0, ...resent),
        must: { atMost: 17 },
        note: "16 parts may be in flight",
      },
    ];
  },
};
