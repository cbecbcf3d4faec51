import { join } from "node:path";
import type { FigureRow } from "../figures/figure-row.ts";
import { stopAllProcesses } from "../machine/child-process.ts";
import { startSluice } from "../stage/sluice-service.ts";
import { setStage } from "../stage/stage.ts";
import { type FilledDatabase, startFilledDatabase } from "./filled-database.ts";
import { type MetadataLoad, measureLatencies } from "./measure-latencies.ts";
import { measureSaturation } from "./measure-saturation.ts";

/** The settings of a run of the benchmark: its load, and the place of its database. */
export interface MetadataRun extends MetadataLoad {
  /** Worker processes of the service whose latencies are measured. The saturated service has one. */
  readonly workers: number;
  /**
   * A directory that is kept, and filled only when it is empty. When absent, the run has a directory of its own and removes
   * it at the end.
   */
  readonly dataDirectory?: string | undefined;
}

/** Fills the database, starts the service, measures, and ends everything again. */
export async function runMetadata(run: MetadataRun, report: (what: string) => void): Promise<FigureRow[]> {
  const { stage, clear } = await setStage(0);
  let database: FilledDatabase | undefined;
  try {
    database = await startFilledDatabase(run.dataDirectory ?? join(stage.directory, "files"), run.rows, report);
    const { url } = database;
    const start = (workers: number) =>
      startSluice({ ...stage, databaseUrl: async () => url }, { settings: { SLUICE_WORKERS: String(workers) } });
    const show = ({ name, measured, note }: FigureRow) => report(`${name}: ${measured?.toFixed(2) ?? "-"} (${note})`);
    const service = await start(run.workers);
    const latencies = await measureLatencies(service, database, run, show);
    await service.process.stop();
    const saturation = await measureSaturation(await start(1), database, run);
    show(saturation);
    return [...latencies, saturation];
  } finally {
    await stopAllProcesses();
    await database?.stop();
    await clear();
  }
}
