import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { migrate } from "../../src/postgres/schema/migrate.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { stopAllProcesses } from "../machine/child-process.ts";
import { startSluice } from "../stage/sluice-service.ts";
import { setStage } from "../stage/stage.ts";
import { type CallKind, drawCallKinds } from "./call-kinds.ts";
import { type CallLoad, quantile, startCallLoad } from "./call-load.ts";
import { fillDatabase, startLargePostgres, warm } from "./filled-database.ts";
import type { MetadataLoad } from "./measure-latencies.ts";
import { createSample } from "./sample.ts";

const SCRIPT = new URL("../../deploy/postgres/partition-by-namespace.sql", import.meta.url);
/** A call on divided tables may cost so many times as much as on plain ones. */
const COST_MAX = 1.2;
/** Calls to one form before the other has its turn: both meet the same moments of the machine. */
const TURN = 10;
/** The calls of a warm-up, as a fraction of those that are measured. */
const WARM_UP_PART = 0.5;

/** A database in one of the two forms, and a service on it that is called. */
interface Side {
  readonly client: Client;
  readonly calls: CallLoad;
}

/** Fills a database, divides the tables of a copy of it, and makes the same calls on both by turns, one call at a time. */
export async function comparePartitions(
  run: MetadataLoad & { partitions: number; withWords?: boolean },
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const { stage, clear } = await setStage(0);
  const postgres = await startLargePostgres(join(stage.directory, "files"));
  const clients: Client[] = [];
  try {
    await migrate({ url: postgres.url });
    // A database that is copied may have no session.
    await (await fillDatabase(postgres.url, run, report)).end();
    const dividedUrl = await copyDivided(postgres.url, run.partitions);
    report(`a copy of the tables is divided into ${run.partitions} partitions`);
    const open = async (url: string): Promise<Side> => {
      const client = await connect(url);
      clients.push(client);
      const service = await startSluice({ ...stage, databaseUrl: async () => url });
      return { client, calls: await startCallLoad(service.url, 1) };
    };
    const [plain, divided] = [await open(postgres.url), await open(dividedUrl)];
    const count = Math.ceil(run.seconds * run.ratePerSecond);
    const warmUp = Math.ceil(count * WARM_UP_PART);
    const rows: FigureRow[] = [];
    for (const kind of await drawCallKinds(createSample(plain.client, run), count + warmUp)) {
      if (kind.needsWords && run.withWords === false) continue;
      await callByTurns(kind, [plain, divided], [0, warmUp]);
      await plain.client.query("SELECT pg_stat_statements_reset()");
      const [before, after] = await callByTurns(kind, [plain, divided], [warmUp, count + warmUp]);
      const found = toRatios(kind.name, before!, after!);
      for (const { name, measured, note } of found) report(`${name}: ${measured?.toFixed(2) ?? "-"} (${note})`);
      rows.push(...found);
    }
    return rows;
  } finally {
    await stopAllProcesses();
    for (const client of clients) await client.end();
    await postgres.stop();
    await clear();
  }
}

/** Copies the database on its server, where both have the same share of the cache, and divides the tables of the copy. Resolves to its URL. */
async function copyDivided(plainUrl: string, partitions: number): Promise<string> {
  const [url, elsewhere] = [new URL(plainUrl), new URL(plainUrl)];
  url.pathname = "/divided";
  elsewhere.pathname = "/postgres";
  const copier = await connect(elsewhere.href);
  await copier.query(`CREATE DATABASE divided TEMPLATE ${new URL(plainUrl).pathname.slice(1)} STRATEGY file_copy`);
  await copier.end();
  const client = await connect(url.href);
  await client.query(await readFile(SCRIPT, "utf8"));
  await client.query("SELECT pg_temp.partition_by_namespace($1)", [partitions]);
  await warm(client);
  await client.end();
  return url.href;
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

/** The times of the calls on one side, and the pages of 8 KiB that its statements about files read for a call. */
interface SideCosts {
  readonly latenciesMs: number[];
  readonly buffers: number;
}

async function callByTurns(
  { run }: CallKind,
  sides: readonly Side[],
  [begin, end]: readonly [number, number],
): Promise<SideCosts[]> {
  const latencies: number[][] = sides.map(() => []);
  for (let from = begin; from < end; from += TURN) {
    for (const [index, { calls }] of sides.entries()) {
      const { latenciesMs, failures } = await run(calls, [from, Math.min(end, from + TURN)], 1);
      if (failures.length > 0) throw new Error(`${failures.length} calls failed: ${failures[0]}`);
      latencies[index]!.push(...latenciesMs);
    }
  }
  const costs: SideCosts[] = [];
  for (const [index, side] of sides.entries()) {
    costs.push({ latenciesMs: latencies[index]!, buffers: (await readBuffers(side)) / (end - begin) });
  }
  return costs;
}

/** Jobs of the clock read other tables meanwhile. */
async function readBuffers({ client }: Side): Promise<number> {
  const { rows } = await client.query<{ buffers: number | null }>(`
    SELECT sum(s.shared_blks_hit + s.shared_blks_read)::float8 AS buffers FROM pg_stat_statements s
    JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database() AND s.query ~ '\\mfile\\M'`);
  return rows[0]?.buffers ?? 0;
}

/** Divided tables ÷ plain ones. */
function toRatios(call: string, plain: SideCosts, divided: SideCosts): FigureRow[] {
  const [p50, p99] = [0.5, 0.99].map((part) => (costs: SideCosts) => quantile(costs.latenciesMs, part) ?? Number.NaN);
  const buffers = (costs: SideCosts) => costs.buffers;
  const show = (of: (costs: SideCosts) => number) => `${of(divided).toFixed(1)} ÷ ${of(plain).toFixed(1)}`;
  const ratio = (what: string, of: (costs: SideCosts) => number, note: string): FigureRow => ({
    name: `${call}: ${what}, partitions ÷ plain`,
    unit: "ratio",
    measured: of(divided) / of(plain),
    must: { atMost: COST_MAX },
    note,
  });
  return [
    ratio("buffers a call", buffers, show(buffers)),
    ratio("p50", p50!, `${show(p50!)} ms; p99 ${show(p99!)} ms`),
  ];
}
