import { join } from "node:path";
import { divideStage, type findCheckouts } from "../against/checkout.ts";
import { type Comparison, compareCheckouts } from "../against/compare-checkouts.ts";
import { stopAllProcesses } from "../machine/child-process.ts";
import { setStage } from "../stage/stage.ts";
import { startLargePostgres } from "./filled-database.ts";
import type { MetadataLoad } from "./measure-latencies.ts";
import { createMetadataTrial, type MetadataTrial } from "./metadata-trial.ts";

/** Fills a database for each checkout, compares the costs of calls, and ends everything again. */
export async function compareMetadata(
  checkouts: ReturnType<typeof findCheckouts>,
  run: MetadataLoad & { rounds: number },
  report: (what: string) => void,
): Promise<Comparison[]> {
  const { stage, clear } = await setStage(0);
  const postgres = await startLargePostgres(join(stage.directory, "files"));
  let filled: MetadataTrial | undefined;
  try {
    const stageOf = divideStage({ ...stage, databaseUrl: async () => postgres.url });
    filled = await createMetadataTrial(stageOf, run, { checkouts: [checkouts.before, checkouts.after], report });
    return await compareCheckouts([filled.trial], { ...checkouts, rounds: run.rounds, report });
  } finally {
    await stopAllProcesses();
    await filled?.close();
    await postgres.stop();
    await clear();
  }
}
