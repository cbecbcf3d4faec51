import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { JournalRelay } from "../../domain/journal/journal.ts";
import { atBorder } from "../pool/errors.ts";
import type { SqlFragment } from "../pool/sql-values.ts";

/** Partitions are there for this month and so many more: a job that fails for so long is noticed first. */
const MONTHS_AHEAD = 2;
/** A backlog of an hour at 2,000 entries a second is numbered in less, and a month of entries is looked through; in milliseconds. */
const NUMBERING_MAX_MS = 300_000;

const countRow = z.object({ count: z.int() });

/** JournalRelay in PostgreSQL: functions of the migration `V2__journal.sql`, each call one transaction. */
export function createJournalRelay(pool: DatabasePool): JournalRelay {
  const relay: JournalRelay = {
    numberNew: () => countPatiently(pool, sql.fragment`journal_number_new()`),
    makePartitions: () => countPatiently(pool, sql.fragment`journal_make_partitions(${MONTHS_AHEAD})`),
    dropPartitions: ({ keptDays, onlyPublished = false }) =>
      countPatiently(
        pool,
        sql.fragment`journal_drop_partitions(make_interval(days => ${keptDays}::integer), ${onlyPublished})`,
      ),
  };
  return atBorder<JournalRelay>(relay, { deadlineMs: NUMBERING_MAX_MS });
}

/** The number that a function returns, which may look at very many entries. */
async function countPatiently(pool: DatabasePool, call: SqlFragment): Promise<number> {
  return await pool.transaction(async (transaction) => {
    await transaction.query(sql.unsafe`SELECT set_config('statement_timeout', ${String(NUMBERING_MAX_MS)}, true)`);
    return await transaction.oneFirst(sql.type(countRow)`SELECT ${call} AS count`);
  });
}
