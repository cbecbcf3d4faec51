import { planKill } from "./kill-plan.ts";
import type { KillResult } from "./kill-report.ts";
import { startKillRig } from "./kill-rig.ts";
import { runTrial, type TrialOutcome } from "./kill-trial.ts";
import { startMortalService } from "./mortal-service.ts";
import type { S3_BACKENDS } from "./s3-backend.ts";

/** The settings of a run of kills. */
export interface KillOptions {
  readonly seed: number;
  readonly kills: number;
  readonly s3: keyof typeof S3_BACKENDS;
  /** Services that are killed side by side. Each has uploads of its own; all share the database and the bucket. */
  readonly services: number;
  /** Worker processes of each service. With several, each plan says whether one worker or all of them are killed. */
  readonly workers: number;
  readonly uploadsPerKill: number;
  /** Called after each kill. */
  readonly onTrial?: (index: number, outcome: TrialOutcome) => void;
}

/** Parts of the largest file: many small ones, or a few when the S3 server insists on 5 MiB each. */
const PARTS_MAX = { dev: 150, versitygw: 10 };

/** Kills services under seeded plans, each plan once. Then it sweeps and finds what is left. */
export async function runKills(options: KillOptions): Promise<KillResult> {
  const { seed, kills, s3, workers, uploadsPerKill } = options;
  const rig = await startKillRig({ s3 });
  try {
    const { partSizeBytes } = rig;
    const trials: TrialOutcome[] = [];
    let next = 0;
    const work = async () => {
      const service = await startMortalService(rig, workers);
      try {
        while (next < kills) {
          const index = next++;
          const plan = planKill(seed, index, { partSizeBytes, partsMax: PARTS_MAX[s3], uploadsPerKill });
          const outcome = await runTrial(plan, { rig, service, name: `kill/${index}` });
          trials.push(outcome);
          options.onTrial?.(index, outcome);
        }
      } finally {
        await service.stop();
      }
    };
    const done = await Promise.allSettled(Array.from({ length: options.services }, work));
    for (const one of done) if (one.status === "rejected") throw one.reason;
    return { trials, orphans: await rig.findOrphans(), partSizeBytes };
  } finally {
    await rig.stop();
  }
}
