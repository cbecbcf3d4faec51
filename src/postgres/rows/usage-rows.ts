import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { DomainError } from "../../domain/errors.ts";
import { findQuotaRefusal, type QuotaUse, type UsedBytes } from "../../domain/namespaces/quotas.ts";
import { namespaceNotFound } from "../../domain/repository-refusals.ts";
import type { SqlFragment } from "../pool/sql-values.ts";

const today = sql.fragment`(now() AT TIME ZONE 'UTC')::date`;
const addToSlot = sql.fragment`
  ON CONFLICT (namespace, principal, slot) DO UPDATE SET stored_bytes = s.stored_bytes + excluded.stored_bytes,
    -- A command that began before midnight may come after one of the new day: its bytes count for that.
    day = greatest(s.day, excluded.day),
    day_bytes = CASE WHEN excluded.day > s.day THEN 0 ELSE s.day_bytes END + excluded.day_bytes`;
const dayEnd = sql.fragment`((${today} + 1)::timestamp AT TIME ZONE 'UTC')`;

/**
 * The statement that adds to what is used. `change` selects one row, or none: namespace, principal, stored_bytes and day_bytes.
 * As a CTE that nothing reads, the statement is the last step of the one around it, which has to be the last of its transaction.
 * The slots are locked in the order of their key, the namespace's before that of the principal: no two commands wait for each
 * other in a circle. A connection has a slot of its own while there are at most 16, so they rarely wait at all.
 */
export function addUsage(change: SqlFragment) {
  return sql.fragment`
    INSERT INTO usage_slot AS s (namespace, principal, slot, stored_bytes, day, day_bytes)
    SELECT c.namespace, p.principal, pg_backend_pid() % 16, c.stored_bytes, ${today}, c.day_bytes
    FROM (${change}) AS c (namespace, principal, stored_bytes, day_bytes)
      CROSS JOIN LATERAL (VALUES (''), (c.principal)) AS p (principal)
    WHERE c.stored_bytes <> 0 OR c.day_bytes <> 0
    ${addToSlot}`;
}

/** As `addUsage`, of any number of changes, and so of any number of principals; a purge adds less than nothing. */
export function addUsages(changes: SqlFragment) {
  return sql.fragment`
    INSERT INTO usage_slot AS s (namespace, principal, slot, stored_bytes, day, day_bytes)
    SELECT c.namespace, p.principal, pg_backend_pid() % 16, sum(c.stored_bytes), ${today}, sum(c.day_bytes)
    FROM (${changes}) AS c (namespace, principal, stored_bytes, day_bytes)
      CROSS JOIN LATERAL (VALUES (''), (c.principal)) AS p (principal)
    WHERE c.stored_bytes <> 0 OR c.day_bytes <> 0
    GROUP BY c.namespace, p.principal
    ORDER BY c.namespace, p.principal COLLATE "C"
    ${addToSlot}`;
}

/**
 * A row of what the quotas leave: stored_left and day_left, in bytes, each null without a quota and 0 when it is passed. Where
 * a namespace has no quota of bytes, this reads its row alone. The subject's expressions may name the tables of the statement
 * around it, except `quotas` and `found`.
 */
export function quotaRoom(subject: { namespace: SqlFragment; principal: SqlFragment }) {
  return sql.fragment`
    SELECT found.room[1] AS stored_left, found.room[2] AS day_left FROM (
      SELECT CASE
        WHEN coalesce(quotas.stored_bytes_max, quotas.bytes_per_day_max, quotas.principal_stored_bytes_max,
          quotas.principal_bytes_per_day_max) IS NOT NULL THEN quota_room(quotas, ${subject.principal}) END AS room
      FROM namespace AS quotas WHERE quotas.name = ${subject.namespace}
      -- So that the function is called once.
      OFFSET 0
    ) AS found`;
}

const usedRow = z.object({ stored: z.int(), day: z.int(), own_stored: z.int(), own_day: z.int(), day_end: z.date() });

/** What is used of a namespace, and by a principal in it; and when the day ends. */
export async function readUsed(
  pool: CommonQueryMethods,
  { namespace, principal = "" }: { namespace: string; principal?: string | undefined },
): Promise<{ used: UsedBytes; usedByPrincipal: UsedBytes; dayEndTime: Date }> {
  const sums = (isCounted: SqlFragment) => sql.fragment`
    coalesce(sum(s.stored_bytes) FILTER (WHERE ${isCounted}), 0)::bigint,
    coalesce(sum(s.day_bytes) FILTER (WHERE ${isCounted} AND s.day = ${today}), 0)::bigint`;
  const row = await pool.one(sql.type(usedRow)`
    SELECT u.*, ${dayEnd} AS day_end FROM (
      SELECT ${sums(sql.fragment`s.principal = ''`)}, ${sums(sql.fragment`s.principal <> ''`)}
      FROM usage_slot s WHERE s.namespace = ${namespace} AND s.principal IN ('', ${principal})
    ) AS u (stored, day, own_stored, own_day)`);
  return {
    used: { storedBytes: row.stored, dayBytes: row.day },
    usedByPrincipal: { storedBytes: row.own_stored, dayBytes: row.own_day },
    dayEndTime: row.day_end,
  };
}

const quotaRow = z.object({
  bytes_per_day_max: z.int().nullable(),
  stored_bytes_max: z.int().nullable(),
  principal_bytes_per_day_max: z.int().nullable(),
  principal_stored_bytes_max: z.int().nullable(),
  day_left_ms: z.number(),
});

/** Why the wanted bytes are refused; undefined when they fit by now. Errors as of `findQuotaRefusal`. */
export async function findRefusal(
  pool: CommonQueryMethods,
  subject: { namespace: string; principal: string },
  wanted: Partial<UsedBytes>,
): Promise<DomainError | undefined> {
  const row = await pool.maybeOne(sql.type(quotaRow)`
    SELECT n.bytes_per_day_max, n.stored_bytes_max, n.principal_bytes_per_day_max, n.principal_stored_bytes_max,
      (extract(epoch FROM ${dayEnd} - now()) * 1000)::double precision AS day_left_ms
    FROM namespace n WHERE n.name = ${subject.namespace}`);
  if (row === null) throw namespaceNotFound(subject.namespace);
  const { used, usedByPrincipal } = await readUsed(pool, subject);
  const use: QuotaUse = {
    ...subject,
    quotas: {
      bytesPerDayMax: row.bytes_per_day_max ?? undefined,
      storedBytesMax: row.stored_bytes_max ?? undefined,
      principalBytesPerDayMax: row.principal_bytes_per_day_max ?? undefined,
      principalStoredBytesMax: row.principal_stored_bytes_max ?? undefined,
    },
    used,
    usedByPrincipal,
    dayLeftMs: Math.ceil(row.day_left_ms),
  };
  return findQuotaRefusal(use, wanted);
}
