import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { LogLeaves, LogState } from "../../domain/log/log-leaves.ts";
import { atBorder } from "../pool/errors.ts";
import { leafPartsColumns, leafPartsRow, toLeafParts } from "./leaf-parts.ts";

/** Ten thousand entries are sealed in less than a second; the first run of a log reads a month of numbers. In milliseconds. */
const SEALING_MAX_MS = 60_000;

const stateRow = z.object({
  fork: z.int(),
  published: z.int(),
  problem: z.string().nullable(),
  dropped_through: z.int(),
  behind_ms: z.number(),
});
const sealedRow = z.object({ sealed: z.int(), through: z.int() });
const entryRow = z.object({ sequence: z.int(), entry: z.instanceof(Uint8Array) });
const forkRow = z.object({ fork: z.int() });
const proofRow = leafPartsRow.extend({
  sequence: z.int(),
  entry_id: z.string(),
  path: z.string().nullable(),
  source_path: z.string().nullable(),
});

const newestFork = sql.fragment`(SELECT max(o.fork) FROM journal_log o)`;
const droppedThrough = sql.fragment`coalesce((SELECT max(d.last_sequence) FROM journal_dropped d), 0)`;

/** A time as the public bytes have it: to the microsecond, by UTC, whatever the zone of the session is. */
const utc = (time: ReturnType<typeof sql.fragment>) =>
  sql.fragment`to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The names are those of AuditEntry's JSON; `previousSequence` is that of the entry before it in the same namespace. */
const publicBytes = sql.fragment`
  convert_to(jsonb_strip_nulls(jsonb_build_object(
    'sequence', n.sequence::text, 'previousSequence', n.previous::text, 'entryId', e.entry_id,
    'time', ${utc(sql.fragment`e.entry_time`)}, 'firstTime', ${utc(sql.fragment`e.first_time`)},
    'namespace', e.namespace, 'action', e.action, 'outcome', e.outcome,
    'resourceKind', e.resource_kind, 'resourceId', e.resource_id, 'generation', e.generation::text,
    'tokenKind', e.token_kind, 'tokenId', e.token_id, 'requestId', e.request_id, 'traceId', e.trace_id, 'times', e.times::text
  ))::text, 'UTF8')`;

/** LogLeaves in PostgreSQL. */
export function createLogLeaves(pool: DatabasePool): LogLeaves {
  const readState = async (): Promise<LogState | undefined> => {
    const row = await pool.maybeOne(sql.type(stateRow)`
      SELECT g.fork, g.published, g.problem, ${droppedThrough} AS dropped_through,
        coalesce((SELECT extract(epoch FROM clock_timestamp() - n.entry_time) * 1000 FROM journal_number n
          WHERE n.sequence > g.published ORDER BY n.sequence LIMIT 1), 0)::float8 AS behind_ms
      FROM journal_log g WHERE g.fork = ${newestFork}`);
    if (row === null) return undefined;
    const { fork, published, problem, dropped_through, behind_ms } = row;
    return { fork, published, problem: problem ?? undefined, droppedThrough: dropped_through, behindMs: behind_ms };
  };
  const leaves: LogLeaves = {
    state: readState,
    async begin() {
      await pool.query(sql.unsafe`
        INSERT INTO journal_log (fork) SELECT 0 WHERE NOT EXISTS (SELECT FROM journal_log) ON CONFLICT DO NOTHING`);
      return (await readState()) as LogState;
    },
    seal: (options) => seal(pool, options),
    async read({ after, through }) {
      const rows = await pool.any(sql.type(entryRow)`
        SELECT l.sequence, sha256(l.salt || l.public_bytes || l.personal_hash) AS entry FROM journal_leaf l
        WHERE l.sequence > ${after}::bigint AND l.sequence <= ${through}::bigint ORDER BY l.sequence`);
      return [...rows];
    },
    async notePublished(size) {
      await pool.query(sql.unsafe`
        UPDATE journal_log SET published = ${size}::bigint, problem = NULL
        WHERE fork = ${newestFork} AND (published, problem) IS DISTINCT FROM (${size}::bigint, NULL)`);
    },
    async noteProblem(problem) {
      await pool.query(sql.unsafe`
        UPDATE journal_log SET problem = ${problem} WHERE fork = ${newestFork} AND problem IS DISTINCT FROM ${problem}`);
    },
    async continueAs(fork) {
      const made = await pool.maybeOne(sql.type(forkRow)`
        INSERT INTO journal_log (fork) SELECT ${fork}::integer WHERE ${newestFork} < ${fork}::integer
        ON CONFLICT DO NOTHING RETURNING fork`);
      return made !== null;
    },
    async find(namespace, by) {
      const which =
        "sequence" in by ? sql.fragment`n.sequence = ${by.sequence}::bigint` : sql.fragment`n.entry_id = ${by.entryId}`;
      const row = await pool.maybeOne(sql.type(proofRow)`
        SELECT l.sequence, l.entry_id, ${leafPartsColumns}, p.path, p.source_path
        FROM journal_number n
        JOIN journal_leaf l ON l.entry_time = n.entry_time AND l.entry_id = n.entry_id
        LEFT JOIN journal_personal p ON p.entry_time = n.entry_time AND p.entry_id = n.entry_id
        WHERE n.namespace = ${namespace} AND ${which}`);
      const parts = row && toLeafParts(row);
      if (row === null || !parts) return undefined;
      const { sequence, entry_id: entryId, path, source_path: sourcePath } = row;
      return { sequence, entryId, ...parts, path: path ?? "", sourcePath: sourcePath ?? "" };
    },
  };
  return atBorder<LogLeaves>(leaves, { deadlineMs: SEALING_MAX_MS });
}

/**
 * Whoever seals holds the row of the log until the leaves are committed, and looks for entries after that: each statement sees what
 * is committed when it begins. Entries are looked up one by one by their keys; the planner would rather read all of them.
 */
async function seal(pool: DatabasePool, { limit }: { limit: number }): Promise<{ sealed: number; through: number }> {
  return await pool.transaction(async (transaction) => {
    await transaction.query(sql.unsafe`
      SELECT set_config('statement_timeout', ${String(SEALING_MAX_MS)}, true), set_config('enable_seqscan', 'off', true)`);
    await transaction.query(sql.unsafe`SELECT FROM journal_log g WHERE g.fork = ${newestFork} FOR UPDATE`);
    return await transaction.one(sql.type(sealedRow)`
      WITH last AS MATERIALIZED (
        SELECT greatest(coalesce((SELECT max(l.sequence) FROM journal_leaf l), 0), ${droppedThrough}) AS sequence
      ), fresh AS (
        SELECT n.* FROM journal_number n WHERE n.sequence > (SELECT a.sequence FROM last a) ORDER BY n.sequence LIMIT ${limit}
      ), numbered AS MATERIALIZED (
        SELECT f.*, coalesce(lag(f.sequence) OVER (PARTITION BY f.namespace ORDER BY f.sequence), (
          SELECT b.sequence FROM journal_number b
          WHERE b.namespace = f.namespace AND b.sequence < f.sequence ORDER BY b.sequence DESC LIMIT 1
        )) AS previous
        FROM fresh f
      ), sealed AS (
        INSERT INTO journal_leaf (sequence, entry_id, entry_time, public_bytes, personal_hash)
        SELECT n.sequence, n.entry_id, n.entry_time, ${publicBytes},
          coalesce(sha256(p.salt || p.hashed_bytes), decode(repeat('00', 32), 'hex'))
        FROM numbered n
        JOIN journal_entry e ON e.entry_time = n.entry_time AND e.entry_id = n.entry_id
        LEFT JOIN journal_personal p ON p.entry_time = n.entry_time AND p.entry_id = n.entry_id
        RETURNING sequence
      )
      SELECT count(*) AS sealed, coalesce(max(s.sequence), (SELECT a.sequence FROM last a)) AS through FROM sealed s`);
  });
}
