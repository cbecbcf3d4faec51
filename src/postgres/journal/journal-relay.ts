import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { JournalRelay } from "../../domain/journal/journal.ts";
import { atBorder, type BorderLimits } from "../pool/errors.ts";

/** Partitions are there for this month and so many more: a job that fails for so long is noticed first. */
const MONTHS_AHEAD = 2;
/** A backlog of an hour at 2,000 entries a second is numbered in less, in milliseconds. */
const NUMBERING_MAX_MS = 300_000;

const numberedRow = z.object({ numbered: z.int() });
const madeRow = z.object({ made: z.int() });

/** JournalRelay in PostgreSQL: functions of the migration `V2__journal.sql`, each call one transaction. */
export function createJournalRelay(pool: DatabasePool, limits: Partial<BorderLimits> = {}): JournalRelay {
  const relay: JournalRelay = {
    numberNew: () =>
      pool.transaction(async (transaction) => {
        await transaction.query(sql.unsafe`SELECT set_config('statement_timeout', ${String(NUMBERING_MAX_MS)}, true)`);
        return await transaction.oneFirst(sql.type(numberedRow)`SELECT journal_number_new() AS numbered`);
      }),
    makePartitions: () => pool.oneFirst(sql.type(madeRow)`SELECT journal_make_partitions(${MONTHS_AHEAD}) AS made`),
  };
  return atBorder<JournalRelay>(relay, { deadlineMs: NUMBERING_MAX_MS, ...limits });
}
