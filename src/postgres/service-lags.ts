import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { ReadLags } from "../domain/service-lags.ts";
import { oldestDue } from "./files/file-purge.ts";
import { atBorder } from "./pool/errors.ts";

const lagsRow = z.object({
  journal_ms: z.number(),
  audit_ms: z.number().nullable(),
  delivery_ms: z.number(),
  purge_ms: z.number(),
});

/**
 * ReadLags in PostgreSQL. The relay has numbered all that its last look saw: an entry without a number is of a later transaction, or of one
 * that was under way then. Each part reads the first row of an index.
 */
export function createLagReader(pool: DatabasePool): ReadLags {
  const read: ReadLags = async () => {
    const row = await pool.one(sql.type(lagsRow)`
      WITH seen AS MATERIALIZED (
        SELECT l.snapshot FROM journal_look l ORDER BY l.look DESC LIMIT 1
      ), unnumbered AS (
        (SELECT e.entry_time FROM journal_entry e
         WHERE e.xid >= (SELECT pg_snapshot_xmax(s.snapshot) FROM seen s) ORDER BY e.xid LIMIT 1)
        UNION ALL
        SELECT e.entry_time FROM journal_entry e WHERE e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(s.snapshot) FROM seen s))
      ), undelivered AS (
        SELECT n.entry_time FROM subscription s CROSS JOIN LATERAL (
          SELECT n.entry_time FROM journal_number n
          WHERE n.namespace = s.namespace AND n.sequence > s.sequence ORDER BY n.sequence LIMIT 1
        ) n WHERE s.state = 'active'
      ), unpurged AS (
        SELECT d.due_time FROM namespace n CROSS JOIN LATERAL (${oldestDue(sql.fragment`n.name`)}) d
      )
      SELECT ${toAgeMs(sql.fragment`(SELECT min(u.entry_time) FROM unnumbered u)`)} AS journal_ms,
        (SELECT ${toAgeMs(sql.fragment`(
          SELECT n.entry_time FROM journal_number n WHERE n.sequence > g.published ORDER BY n.sequence LIMIT 1)`)}
         FROM journal_log g ORDER BY g.fork DESC LIMIT 1) AS audit_ms,
        ${toAgeMs(sql.fragment`(SELECT min(u.entry_time) FROM undelivered u)`)} AS delivery_ms,
        ${toAgeMs(sql.fragment`(SELECT min(u.due_time) FROM unpurged u)`)} AS purge_ms`);
    const { journal_ms: journalMs, audit_ms: auditMs, delivery_ms: deliveryMs, purge_ms: purgeMs } = row;
    return { journalMs, auditMs: auditMs ?? undefined, deliveryMs, purgeMs };
  };
  return atBorder({ read }).read;
}

/** How long ago a time is, in milliseconds; 0 where there is none. */
const toAgeMs = (time: ReturnType<typeof sql.fragment>) =>
  sql.fragment`coalesce(extract(epoch FROM clock_timestamp() - ${time}) * 1000, 0)::float8`;
