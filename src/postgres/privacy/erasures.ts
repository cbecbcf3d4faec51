import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { Actor } from "../../domain/deed.ts";
import { type Erasure, type ErasureRepository, HELD_FILES_TOLD_MAX } from "../../domain/privacy/erasure.ts";
import { requestIdReused } from "../../domain/repository-refusals.ts";
import { atBorder } from "../pool/errors.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { fileColumns, fileRow, toFile } from "../rows/file-rows.ts";
import { CHANGED_FILES, enterDeed } from "../rows/journal-rows.ts";
import { endFiles, endUploads, lockErasure } from "./erased-rows.ts";

/** Rows that one statement looks for. */
const DISCOVERED_MAX = 5000;

const erasureRow = z.object({
  erasure_id: z.string(),
  namespace: z.string(),
  principal: z.string(),
  token_kind: z.custom<Actor["tokenKind"]>((value) => typeof value === "string"),
  request_id: z.string(),
  data_subject: z.string(),
  create_time: z.date(),
  end_time: z.date().nullable(),
  files_erased: z.int(),
  uploads_erased: z.int(),
  links_erased: z.int(),
  entries_redacted: z.int(),
  files_held: z.int(),
  held: z.array(z.string()),
});

const heldFiles = sql.fragment`
  FROM erasure_resource r WHERE r.namespace = e.namespace AND r.erasure_id = e.erasure_id AND r.kind = 'file' AND r.state = 'held'`;

const erasureColumns = sql.fragment`
  e.erasure_id, e.namespace, e.principal, e.token_kind, e.request_id, e.data_subject, e.create_time, e.end_time, e.files_erased,
  e.uploads_erased, e.links_erased, e.entries_redacted, (SELECT count(*) ${heldFiles}) AS files_held,
  ARRAY(SELECT r.resource_id::text ${heldFiles} ORDER BY r.resource_id LIMIT ${HELD_FILES_TOLD_MAX}) AS held`;

const idRow = z.object({ id: z.string() });
const lastRow = z.object({ last: z.string().nullable(), found: z.int() });
const keyRow = z.object({ time: z.string(), id: z.string() });

/** Erasures in PostgreSQL. */
export function createErasureRepository(pool: DatabasePool): ErasureRepository {
  const repository: ErasureRepository = {
    begin: (erasure) => begin(pool, erasure),
    get: (namespace, erasureId) => getErasure(pool, namespace, erasureId),
    async listRunning(namespace, limit) {
      const isLate = sql.fragment`e.end_time > now() - interval '1 hour'`;
      await pool.query(sql.unsafe`
        DELETE FROM erasure_resource r USING (
          SELECT o.erasure_id, o.resource_id FROM erasure_resource o JOIN erasure e ON e.namespace = o.namespace AND e.erasure_id = o.erasure_id
          WHERE e.namespace = ${namespace} AND NOT ${isLate} AND o.state <> 'held' FOR UPDATE OF o SKIP LOCKED
        ) o
        WHERE r.namespace = ${namespace} AND r.erasure_id = o.erasure_id AND r.resource_id = o.resource_id`);
      const rows = await pool.any(sql.type(erasureRow)`
        SELECT ${erasureColumns} FROM erasure e
        WHERE e.namespace = ${namespace} AND ((e.end_time IS NULL AND e.data_subject <> '') OR ${isLate})
        ORDER BY e.end_time DESC NULLS FIRST LIMIT ${limit}`);
      return rows.map(toErasure);
    },
    async findUndone(namespace, erasureIds) {
      const rows = await pool.any(sql.type(idRow)`
        SELECT g.id::text AS id FROM ${sql.unnest(
          erasureIds.map((id) => [id]),
          ["uuid"],
        )} AS g (id)
        WHERE NOT EXISTS (SELECT FROM erasure e
          WHERE e.namespace = ${namespace} AND e.erasure_id = g.id AND (e.end_time IS NOT NULL OR e.data_subject <> ''))`);
      return rows.map(({ id }) => id);
    },
    discover: (erasure, kind, after) => discover(pool, erasure, { kind, after }),
    async add({ namespace, erasureId }, kind, ids) {
      await pool.query(sql.unsafe`
        INSERT INTO erasure_resource (namespace, erasure_id, resource_id, kind)
        SELECT ${namespace}, ${erasureId}, g.id, ${kind} FROM ${sql.unnest(
          ids.map((id) => [id]),
          ["uuid"],
        )} AS g (id)
        ORDER BY g.id ON CONFLICT DO NOTHING`);
    },
    async listFound({ namespace, erasureId }, kind, limit) {
      const rows = await pool.any(sql.type(idRow)`
        SELECT r.resource_id::text AS id FROM erasure_resource r
        WHERE r.namespace = ${namespace} AND r.erasure_id = ${erasureId} AND r.kind = ${kind} AND r.state = 'found'
        ORDER BY r.resource_id LIMIT ${limit}`);
      return rows.map(({ id }) => id);
    },
    beginFiles: (erasure, fileIds) => beginFiles(pool, erasure, fileIds),
    holdFiles: (erasure, fileIds) => noteHeld(pool, erasure, fileIds),
    endFiles: (erasure, fileIds) => endFiles(pool, erasure, fileIds),
    endUploads: (erasure, uploadIds) => endUploads(pool, erasure, uploadIds),
    listEntries: (erasure, limit) => listEntries(pool, erasure, limit),
    async redact({ namespace, erasureId }, entries) {
      const times = sql.array(
        entries.map(([time]) => time),
        "timestamptz",
      );
      const ids = sql.array(
        entries.map(([, id]) => id),
        "uuid",
      );
      // Paths that files have left are known by entries alone.
      await pool.query(sql.unsafe`
        DELETE FROM path_generation g USING (
          SELECT o.path FROM path_generation o
          WHERE o.namespace = ${namespace} AND o.path IN (
            SELECT unnest(ARRAY[p.path, p.source_path]) FROM journal_personal p JOIN unnest(${times}, ${ids}) AS k (entry_time, entry_id)
              ON p.entry_time = k.entry_time AND p.entry_id = k.entry_id)
            AND NOT EXISTS (SELECT FROM file f WHERE f.namespace = o.namespace AND f.path = o.path)
          ORDER BY o.path FOR UPDATE
        ) o
        WHERE g.namespace = ${namespace} AND g.path = o.path`);
      await pool.query(sql.unsafe`SELECT journal_erase(${namespace}, ${erasureId}::uuid, ${times}, ${ids})`);
    },
    end: (erasure) => end(pool, erasure),
  };
  return atBorder<ErasureRepository>(repository);
}

async function begin(
  pool: CommonQueryMethods,
  { erasureId, namespace, dataSubject, requestId, actor }: Parameters<ErasureRepository["begin"]>[0],
): Promise<Erasure> {
  await pool.query(sql.unsafe`
    INSERT INTO erasure (namespace, erasure_id, principal, token_kind, request_id, data_subject)
    VALUES (${namespace}, ${erasureId}, ${actor.principal}, ${actor.tokenKind}, ${requestId}, ${dataSubject})
    ON CONFLICT DO NOTHING`);
  const row = await pool.one(sql.type(erasureRow)`
    SELECT ${erasureColumns} FROM erasure e
    WHERE e.namespace = ${namespace} AND e.principal = ${actor.principal} AND e.request_id = ${requestId}`);
  if (row.end_time === null && row.data_subject !== dataSubject) throw requestIdReused(requestId, "EraseDataSubject");
  return toErasure(row);
}

async function getErasure(pool: CommonQueryMethods, namespace: string, erasureId: string): Promise<Erasure> {
  return toErasure(
    await pool.one(sql.type(erasureRow)`
      SELECT ${erasureColumns} FROM erasure e WHERE e.namespace = ${namespace} AND e.erasure_id = ${erasureId}`),
  );
}

async function discover(
  pool: CommonQueryMethods,
  { namespace, erasureId, dataSubject }: Erasure,
  { kind, after }: { kind: "file" | "upload"; after: string },
): Promise<string> {
  const isBehind = (id: ReturnType<typeof sql.fragment>) =>
    after === "" ? sql.fragment`true` : sql.fragment`${id} > ${after}::uuid`;
  const about =
    kind === "file"
      ? sql.fragment`SELECT f.file_id AS id FROM file f
          WHERE f.namespace = ${namespace} AND f.data_subject = ${dataSubject} AND f.data_subject <> '' AND ${isBehind(sql.fragment`f.file_id`)}
          ORDER BY f.file_id LIMIT ${DISCOVERED_MAX}`
      : sql.fragment`SELECT u.upload_id AS id FROM upload u
          WHERE u.namespace = ${namespace} AND u.data_subject = ${dataSubject} AND u.data_subject <> '' AND ${isBehind(sql.fragment`u.upload_id`)}
          ORDER BY u.upload_id LIMIT ${DISCOVERED_MAX}`;
  const { last, found } = await pool.one(sql.type(lastRow)`
    WITH about AS MATERIALIZED (${about}), noted AS (
      INSERT INTO erasure_resource (namespace, erasure_id, resource_id, kind)
      SELECT ${namespace}, ${erasureId}, a.id, ${kind} FROM about a ON CONFLICT DO NOTHING
    )
    SELECT (SELECT a.id::text FROM about a ORDER BY a.id DESC LIMIT 1) AS last, (SELECT count(*) FROM about) AS found`);
  return found < DISCOVERED_MAX ? "" : (last ?? "");
}

/**
 * A move locks two files in any order, so a statement waits for the lock of one file only while it holds no other: those that are free are
 * marked together, and the others one by one.
 */
async function beginFiles(
  pool: DatabasePool,
  erasure: Erasure,
  fileIds: readonly string[],
): ReturnType<ErasureRepository["beginFiles"]> {
  const { namespace, actor } = erasure;
  const mark = (ids: readonly string[], wait: SqlFragment) =>
    pool.query(sql.unsafe`
      WITH free AS MATERIALIZED (
        SELECT f.file_id FROM file f
        WHERE f.namespace = ${namespace} AND f.file_id = ANY (${sql.array([...ids], "uuid")}) AND f.purge_state IS NULL AND NOT f.legal_hold
        FOR NO KEY UPDATE ${wait}
      ), changed AS (
        UPDATE file f SET purge_state = 'purging', purge_time = now(), update_time = now(),
          delete_time = CASE WHEN f.supersede_time IS NULL THEN coalesce(f.delete_time, now()) ELSE f.delete_time END,
          metageneration = f.metageneration + 1
        FROM free WHERE f.namespace = ${namespace} AND f.file_id = free.file_id
        RETURNING ${fileColumns}
      ), ${enterDeed({ action: "PurgeFile", actor }, CHANGED_FILES)}
      SELECT FROM changed`);
  const read = async () => {
    const rows = await pool.any(sql.type(fileRow)`
      SELECT ${fileColumns} FROM file f WHERE f.namespace = ${namespace} AND f.file_id = ANY (${sql.array([...fileIds], "uuid")})`);
    return rows.map(toFile);
  };
  await mark(fileIds, sql.fragment`SKIP LOCKED`);
  for (const { fileId, purgeState, legalHold } of await read()) {
    if (purgeState === undefined && !legalHold) await mark([fileId], sql.fragment``);
  }
  const files = await read();
  const held = files.filter(({ purgeState }) => purgeState === undefined).map(({ fileId }) => fileId);
  await noteHeld(pool, erasure, held);
  return files.filter(({ purgeState }) => purgeState !== undefined);
}

async function noteHeld(pool: DatabasePool, erasure: Erasure, fileIds: readonly string[]): Promise<void> {
  if (fileIds.length === 0) return;
  const { namespace, erasureId } = erasure;
  await pool.transaction(async (transaction) => {
    await lockErasure(transaction, erasure);
    await transaction.query(sql.unsafe`
      UPDATE erasure_resource SET state = 'held'
      WHERE namespace = ${namespace} AND erasure_id = ${erasureId} AND resource_id = ANY (${sql.array([...fileIds], "uuid")})`);
  });
}

/** By the person's name, by the name that a change took away, and by what the entries are about. */
async function listEntries(
  pool: CommonQueryMethods,
  { namespace, erasureId, dataSubject }: Erasure,
  limit: number,
): ReturnType<ErasureRepository["listEntries"]> {
  const own = (state: string) => sql.fragment`
    SELECT FROM erasure_resource r WHERE r.namespace = ${namespace} AND r.erasure_id = ${erasureId}
      AND r.resource_id = e.resource_id AND r.state = ${state}`;
  const named = (which: ReturnType<typeof sql.fragment>) => sql.fragment`
    SELECT p.entry_time, p.entry_id FROM journal_personal p
    JOIN journal_entry e ON e.entry_time = p.entry_time AND e.entry_id = p.entry_id
    WHERE p.namespace = ${namespace} AND ${which} AND ${dataSubject}::text <> '' AND NOT EXISTS (${own("held")})`;
  const rows = await pool.any(sql.type(keyRow)`
    SELECT g.entry_time::text AS time, g.entry_id::text AS id FROM (
      (${named(sql.fragment`p.data_subject = ${dataSubject} AND p.data_subject <> ''`)} LIMIT ${limit})
      UNION
      (${named(sql.fragment`p.before ->> 'data_subject' = ${dataSubject} AND p.before ->> 'data_subject' <> ''`)} LIMIT ${limit})
      UNION
      (SELECT p.entry_time, p.entry_id FROM erasure_resource r
        JOIN journal_entry e ON e.namespace = r.namespace AND e.resource_id = r.resource_id
        JOIN journal_personal p ON p.entry_time = e.entry_time AND p.entry_id = e.entry_id
        WHERE r.namespace = ${namespace} AND r.erasure_id = ${erasureId} AND r.state = 'erased'
          AND e.action NOT IN ('EraseFile', 'EraseLink') LIMIT ${limit})
    ) g LIMIT ${limit}`);
  return rows.map(({ time, id }) => [time, id]);
}

async function end(pool: CommonQueryMethods, erasure: Erasure): Promise<Erasure> {
  const { namespace, erasureId, actor } = erasure;
  await pool.query(sql.unsafe`
    WITH changed AS (
      UPDATE erasure e SET end_time = now(), data_subject = ''
      WHERE e.namespace = ${namespace} AND e.erasure_id = ${erasureId} AND e.end_time IS NULL AND NOT EXISTS (
        SELECT FROM erasure_resource r WHERE r.namespace = e.namespace AND r.erasure_id = e.erasure_id AND r.state = 'found')
      RETURNING e.*
    ), ${enterDeed(
      { action: "EraseDataSubject", actor },
      {
        from: sql.fragment`changed c`,
        kind: "namespace",
        namespace: sql.fragment`c.namespace`,
        id: sql.fragment`NULL::uuid`,
        after: sql.fragment`jsonb_build_object('erasure_id', c.erasure_id, 'files', c.files_erased, 'uploads', c.uploads_erased,
          'links', c.links_erased, 'entries', c.entries_redacted, 'held', ${erasure.filesHeld}::bigint)`,
      },
    )}
    SELECT FROM changed`);
  return await getErasure(pool, namespace, erasureId);
}

function toErasure(row: z.infer<typeof erasureRow>): Erasure {
  const { principal, token_kind: tokenKind, request_id: requestId } = row;
  return {
    erasureId: row.erasure_id,
    namespace: row.namespace,
    actor: { principal, tokenKind, requestId },
    dataSubject: row.data_subject,
    createTime: row.create_time,
    endTime: row.end_time ?? undefined,
    filesErased: row.files_erased,
    uploadsErased: row.uploads_erased,
    linksErased: row.links_erased,
    entriesRedacted: row.entries_redacted,
    filesHeld: row.files_held,
    heldFileIds: row.held,
  };
}
