import { Client } from "pg";
import { readDatabaseUsage } from "../machine/database-usage.ts";
import { readProcessUsage } from "../machine/process-usage.ts";
import { quantile } from "../metadata/call-load.ts";
import type { Stage } from "../stage/contender.ts";
import type { RunningSmall, SmallContender } from "./small-contender.ts";

/** What one run of small uploads took. */
export interface SmallMeasurement {
  readonly id: string;
  readonly atOnce: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the serving process for each upload, in milliseconds. */
  readonly cpuMs: number;
  readonly systemMs: number;
  /** Transactions and bytes of log for each upload; undefined without a database. */
  readonly transactions: number | undefined;
  readonly walBytes: number | undefined;
}

/** How many uploads, and how many at a time. */
export interface SmallLoad {
  readonly uploads: number;
  readonly atOnce: readonly number[];
}

/** One upload after the other takes longer: fewer of them tell as much. */
const ALONE_SHARE = 0.25;
const WARM_UP = { uploads: 1000, atOnce: 16 };

/**
 * Starts a contender, lets it upload files that do not count, and measures uploads at each number at once. Resolves to the sentence that
 * says why this machine cannot.
 */
export async function measureSmall(
  contender: SmallContender,
  stage: Stage,
  { uploads, atOnce: numbers }: SmallLoad,
): Promise<SmallMeasurement[] | string> {
  const running = await contender.start(stage);
  if (typeof running === "string") return running;
  const client = contender.hasDatabase ? new Client({ connectionString: await stage.databaseUrl() }) : undefined;
  try {
    await client?.connect();
    await running.upload(WARM_UP);
    // As autovacuum does within a minute: plans that were made for empty tables read the whole index of live files for each commit.
    await client?.query("ANALYZE");
    const measurements: SmallMeasurement[] = [];
    for (const atOnce of numbers) {
      const count = atOnce === 1 ? Math.ceil(uploads * ALONE_SHARE) : uploads;
      measurements.push({ id: contender.id, ...(await measureRun(running, client, { uploads: count, atOnce })) });
    }
    return measurements;
  } finally {
    await client?.end();
    await running.stop();
  }
}

async function measureRun(
  { measured, upload }: RunningSmall,
  client: Client | undefined,
  run: { uploads: number; atOnce: number },
): Promise<Omit<SmallMeasurement, "id">> {
  const readDatabase = async () => (client === undefined ? undefined : await readDatabaseUsage(client));
  const [before, databaseBefore] = [readProcessUsage(measured.pid), await readDatabase()];
  const { seconds, latenciesMs } = await upload(run);
  const [after, databaseAfter] = [readProcessUsage(measured.pid), await readDatabase()];
  const toEach = (key: "transactions" | "walBytes") =>
    databaseAfter && databaseBefore && (databaseAfter[key] - databaseBefore[key]) / run.uploads;
  return {
    atOnce: run.atOnce,
    perSecond: run.uploads / seconds,
    p50Ms: quantile(latenciesMs, 0.5) ?? Number.NaN,
    p99Ms: quantile(latenciesMs, 0.99) ?? Number.NaN,
    cpuMs: (1000 * (after.cpuSeconds - before.cpuSeconds)) / run.uploads,
    systemMs: (1000 * (after.systemSeconds - before.systemSeconds)) / run.uploads,
    transactions: toEach("transactions"),
    walBytes: toEach("walBytes"),
  };
}
