import { join } from "node:path";
import { Client } from "pg";
import { type DatabasePool, sql } from "slonik";
import type { JournalRelay } from "../../src/domain/journal/journal.ts";
import { createJournalRelay } from "../../src/postgres/journal/journal-relay.ts";
import { createDatabasePool } from "../../src/postgres/pool/pool.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { JournalTrial } from "./journal-trial.ts";

/** How much is numbered. */
export interface RelayRun {
  /** Entries that are there, and that a read transaction held open has not seen the end of. */
  readonly entries: number;
}

/** Entries of one look, as of a tenth of a second at 2,000 a second. */
const BATCH = 200;
const BATCHES = 100;
const FILLED_AT_ONCE = 50_000;

/**
 * Measures how fast the relay numbers, first in a small journal, then beside a read transaction that has been open since before all the
 * entries, and how much the relay reads then.
 */
export async function measureRelay(
  directory: string,
  run: RelayRun,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const trial = await JournalTrial.start(join(directory, "relay"), { files: 1 });
  // One connection, which counts what the relay reads.
  const pool = await createDatabasePool("relay", { url: trial.url, limits: { connectionsMax: 1 } });
  const held = new Client({ connectionString: trial.url });
  try {
    const relay = createJournalRelay(pool);
    await relay.numberNew();
    const fill = (times: number) =>
      trial.query(
        `WITH entered AS (
           INSERT INTO journal_entry (namespace, action, outcome, resource_kind, resource_id, token_kind)
           SELECT 'default', 'UpdateFile', 'done', 'file', gen_random_uuid(), 'dev' FROM generate_series(1, $1::integer)
           RETURNING entry_id, entry_time
         )
         INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, path)
         SELECT entry_id, entry_time, 'default', 'bench:writer', 'files/0001' FROM entered`,
        [times],
      );
    /** Entries a second, of the time that the relay takes alone. */
    const measure = async () => {
      let tookMs = 0;
      for (let batch = 0; batch < BATCHES; batch++) {
        await fill(BATCH);
        const begun = performance.now();
        await relay.numberNew();
        tookMs += performance.now() - begun;
      }
      return Math.round((1000 * BATCH * BATCHES) / tookMs);
    };
    const alone = await measure();
    report(`relay: ${alone} entries/s`);
    await held.connect();
    await held.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await held.query("SELECT count(*) FROM journal_entry");
    for (let filled = 0; filled < run.entries; filled += FILLED_AT_ONCE) {
      await fill(FILLED_AT_ONCE);
      await relay.numberNew();
    }
    report(`filled ${run.entries} entries beside a transaction that stays open`);
    const beside = await measure();
    const readKiB = await measureReadKiB(trial, { fill, relay, pool });
    const slow = await measureOpen(trial, relay.numberNew);
    return [
      toRate("relay: entries numbered a second", alone),
      {
        ...toRate(`relay: the same beside a transaction open over ${run.entries} entries`, beside),
        note: `a look at ${BATCH} new entries then reads and writes ${readKiB} KiB of tables and indexes`,
      },
      {
        name: "a transaction with an entry stays open: others are delayed by",
        measured: slow,
        must: { atMost: 1000 },
        aim: { atMost: 200 },
        unit: "ms",
        note: "the longest look of fifty, each with one new entry",
      },
    ];
  } finally {
    await held.end();
    await pool.end();
    await trial.stop();
  }
}

function toRate(name: string, measured: number): FigureRow {
  return { name, measured, must: { atLeast: 2000 }, aim: { atLeast: 10_000 }, unit: "count" };
}

/** KiB of shared buffers that a look touches. The relay's connection, which is the only one of its pool, tells them at once. */
async function measureReadKiB(
  trial: JournalTrial,
  { fill, relay, pool }: { fill: (times: number) => Promise<unknown>; relay: JournalRelay; pool: DatabasePool },
): Promise<number> {
  const touched = async () => {
    const [{ blocks = 0 } = {}] = await trial.query<{ blocks: number }>(
      `SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))::float8 AS blocks
       FROM pg_statio_user_tables WHERE relname LIKE 'journal%'`,
    );
    return blocks;
  };
  const looks = 20;
  let blocks = 0;
  for (let look = 0; look < looks; look++) {
    await fill(BATCH);
    const before = await touched();
    await relay.numberNew();
    await pool.query(sql.unsafe`SELECT pg_stat_force_next_flush()`);
    blocks += (await touched()) - before;
  }
  return Math.round((8 * blocks) / looks);
}

/** The longest time in milliseconds that a look takes while another transaction with an entry stays open. */
async function measureOpen(trial: JournalTrial, number: () => Promise<number>): Promise<number> {
  const enter = `INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind)
    VALUES ('default', 'UpdateFile', 'done', 'file', 'dev')`;
  const open = new Client({ connectionString: trial.url });
  await open.connect();
  try {
    await open.query("BEGIN");
    await open.query(enter);
    let longestMs = 0;
    for (let look = 0; look < 50; look++) {
      await trial.query(enter);
      const begun = performance.now();
      const numbered = await number();
      if (numbered !== 1) throw new Error(`a look gave ${numbered} numbers; one entry was new`);
      longestMs = Math.max(longestMs, performance.now() - begun);
    }
    await open.query("COMMIT");
    if ((await number()) !== 1) throw new Error("the entry of the open transaction was not numbered after its commit");
    return longestMs;
  } finally {
    await open.end();
  }
}
