import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { toDeed } from "../../domain/command-identity.ts";
import { SERVICE_ACTOR } from "../../domain/deed.ts";
import type { File } from "../../domain/files/file.ts";
import { assertEtag } from "../../domain/files/file-etag.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { fileRetained } from "../../domain/files/file-retention.ts";
import { fileLive, fileNotFound } from "../../domain/repository-refusals.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { isBehind, toNext } from "../pool/timed-pages.ts";
import { fileColumns, fileIsLive, fileIsReleased, fileRow, toFile } from "../rows/file-rows.ts";
import { CHANGED_FILES, type EnteredRows, enterDeed } from "../rows/journal-rows.ts";
import { addUsages } from "../rows/usage-rows.ts";
import { changeFile } from "./change-file.ts";
import { insertFileRequest } from "./file-requests.ts";

/** FileRepository.beginPurge */
export async function beginPurge(
  commands: DatabasePool,
  place: { namespace: string; path: string },
  { identity, generation, etag = "" }: Parameters<FileRepository["beginPurge"]>[2],
): Promise<File> {
  const which =
    generation === undefined
      ? sql.fragment`f.delete_time IS NOT NULL ORDER BY f.delete_time DESC, f.generation DESC LIMIT 1`
      : sql.fragment`f.generation = ${generation}::bigint`;
  const located = sql.fragment`f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${which}`;
  const change = async (pool: CommonQueryMethods) => {
    const file = await findPurgeable(pool, place, generation);
    // The etag names the very row that the statement asks for, so nothing comes between the two.
    assertEtag(file, etag);
    const row = await pool.maybeOne(sql.type(fileRow)`
      WITH target AS (
        SELECT f.file_id FROM file f
        WHERE f.namespace = ${place.namespace} AND f.file_id = ${file.fileId} AND f.metageneration = ${file.metageneration}::bigint
          AND (f.purge_state IS NOT NULL OR ${fileIsReleased})
        FOR NO KEY UPDATE
      ), requested AS (${insertFileRequest(identity)} FROM target ON CONFLICT DO NOTHING RETURNING subject_id
      ), changed AS (
        UPDATE file f SET ${markPurging}, purge_time = CASE WHEN f.purge_state IS NULL THEN now() ELSE f.purge_time END
        FROM requested r WHERE f.namespace = ${place.namespace} AND f.file_id = r.subject_id
        RETURNING ${fileColumns}
      ), ${enterDeed(toDeed(identity), CHANGED_FILES)}
      SELECT * FROM changed`);
    return row === null ? undefined : toFile(row);
  };
  return await changeFile(commands, place.path, { identity, located, change });
}

/** A generation that is marked already stays as it is. */
const markPurging = sql.fragment`
  purge_state = coalesce(f.purge_state, 'purging'),
  update_time = CASE WHEN f.purge_state IS NULL THEN now() ELSE f.update_time END,
  metageneration = f.metageneration + CASE WHEN f.purge_state IS NULL THEN 1 ELSE 0 END`;

const judgedRow = fileRow.extend({ is_live: z.boolean(), is_released: z.boolean() });

/**
 * The generation that the command means, if it may be purged. It is chosen before it is judged, so that no other generation
 * takes its place.
 */
async function findPurgeable(
  pool: CommonQueryMethods,
  { namespace, path }: { namespace: string; path: string },
  generation: number | undefined,
): Promise<File> {
  const which =
    generation === undefined ? sql.fragment`f.delete_time IS NOT NULL` : sql.fragment`f.generation = ${generation}`;
  const row = await pool.maybeOne(sql.type(judgedRow)`
    SELECT ${fileColumns}, ${fileIsLive} AS is_live, ${fileIsReleased} AS is_released FROM file f
    WHERE f.namespace = ${namespace} AND f.path = ${path} AND (${which} OR (${generation === undefined}::boolean AND ${fileIsLive}))
    ORDER BY f.delete_time DESC NULLS LAST, f.generation DESC LIMIT 1`);
  if (row === null) throw fileNotFound(path, generation);
  if (row.is_live) throw fileLive(path, row.generation, { remedy: "delete it before it is purged" });
  if (row.purge_state === null && !row.is_released) throw fileRetained(toFile(row));
  return toFile(row);
}

/** The rows of a CTE `purged`, which keeps the data subject that it has just removed: whoever erases a person finds the entry by it. */
const PURGED_FILES: EnteredRows = {
  from: sql.fragment`purged p`,
  kind: "file",
  namespace: sql.fragment`p.namespace`,
  id: sql.fragment`p.file_id`,
  generation: sql.fragment`p.generation`,
  path: sql.fragment`p.path`,
  dataSubject: sql.fragment`p.former_subject`,
};

/** The time from which a row may be purged; the order and the condition are those of the index file_purgeable. */
const dueTime = sql.fragment`greatest(f.purge_time, f.retain_until_time)`;
const isPurgeable = sql.fragment`
  f.purge_time IS NOT NULL AND NOT f.legal_hold AND f.purge_state IS DISTINCT FROM 'purged'`;

/** The rows that `beginDuePurges` marks: their ids, and by when each was due. */
export function selectDue(namespace: string, { after, limit }: { after: string; limit: number }) {
  const isAfter = isBehind({ time: dueTime, id: sql.fragment`f.file_id` }, after);
  return sql.fragment`
    SELECT f.file_id, ${dueTime} AS due_time, f.purge_state IS NOT NULL AS is_marked FROM file f
    WHERE f.namespace = ${namespace} AND ${isPurgeable} AND ${dueTime} <= now() AND ${isAfter}
    ORDER BY ${dueTime}, f.file_id LIMIT ${limit} FOR NO KEY UPDATE SKIP LOCKED`;
}

/** When the file of a namespace was due that has waited longest, as `due_time`; no row where none is due. */
export function oldestDue(namespace: SqlFragment): SqlFragment {
  return sql.fragment`
    SELECT ${dueTime} AS due_time FROM file f
    WHERE f.namespace = ${namespace} AND ${isPurgeable} AND ${dueTime} <= now() ORDER BY ${dueTime} LIMIT 1`;
}

const dueRow = fileRow.extend({ due: z.string() });

/** FileRepository.beginDuePurges. Runs of several replicas pass each other by the rows' locks. */
export async function beginDuePurges(
  pool: CommonQueryMethods,
  namespace: string,
  page: { after: string; limit: number },
): Promise<{ files: File[]; next: string }> {
  const rows = await pool.any(sql.type(dueRow)`
    WITH due AS (${selectDue(namespace, page)}), changed AS (
      UPDATE file f SET ${markPurging} FROM due WHERE f.namespace = ${namespace} AND f.file_id = due.file_id
      RETURNING ${fileColumns}, due.due_time, due.is_marked
    -- Those that an earlier run has marked have their entry.
    ), ${enterDeed({ action: "PurgeDueFile", actor: SERVICE_ACTOR }, { ...CHANGED_FILES, where: sql.fragment`NOT c.is_marked` })}
    SELECT c.*, c.due_time::text AS due FROM changed c ORDER BY c.due_time, c.file_id`);
  return { files: rows.map(toFile), next: toNext(rows, page.limit, ({ file_id }) => file_id) };
}

/**
 * FileRepository.endPurges. The description of the bytes is removed of the file and of its upload: the upload's row is
 * found by its key, which the number of an attempt may follow. A deleted file gets a supersede_time that nobody is shown:
 * the indexes of lists hold no row with one, and would otherwise fill with tombstones, which no list shows and every walk
 * would step over. Files and uploads are locked in the order of their ids, as an erasure does that is about the same ones.
 */
export async function endPurges(
  pool: CommonQueryMethods,
  namespace: string,
  fileIds: readonly string[],
): Promise<File[]> {
  const ended = sql.fragment`f.namespace = ${namespace} AND f.file_id = ANY (${sql.array([...fileIds], "uuid")})`;
  await pool.query(sql.unsafe`
    WITH former AS MATERIALIZED (
      SELECT f.file_id, f.data_subject FROM file f WHERE ${ended} AND f.purge_state = 'purging'
      ORDER BY f.file_id FOR NO KEY UPDATE
    ), purged AS (
      UPDATE file f SET purge_state = 'purged', purge_time = now(), update_time = now(),
        metageneration = f.metageneration + 1, crc32 = 0, sha256 = NULL, etag = '', content_type = '', metadata = '{}',
        labels = '{}', data_subject = '', hold_settled = NULL, supersede_time = coalesce(f.supersede_time, now())
      FROM former o WHERE f.namespace = ${namespace} AND f.file_id = o.file_id
      RETURNING f.namespace, f.file_id, f.generation, f.path, f.bucket, f.s3_key, f.principal, f.size_bytes, o.data_subject AS former_subject
    ), counted AS (
      ${addUsages(sql.fragment`SELECT p.namespace, p.principal, -p.size_bytes, 0 FROM purged p`)}
    ), ${enterDeed({ action: "RemoveBytes", actor: SERVICE_ACTOR }, PURGED_FILES)}, brought AS MATERIALIZED (
      SELECT u.upload_id FROM upload u JOIN purged p
        ON u.bucket = p.bucket AND u.s3_key = ANY (ARRAY[p.s3_key, regexp_replace(p.s3_key, '\.[0-9]+$', '')]) AND u.file_id = p.file_id
      ORDER BY u.upload_id FOR NO KEY UPDATE OF u
    ), forgotten AS (
      UPDATE upload u SET crc32 = 0, sha256 = NULL, object_etag = '', content_type = '', metadata = '{}', labels = '{}',
        data_subject = '', expected_crc32 = NULL, expected_sha256 = NULL
      FROM brought b WHERE u.upload_id = b.upload_id
      RETURNING u.upload_id
    )
    DELETE FROM part USING forgotten o WHERE part.upload_id = o.upload_id`);
  const rows = await pool.any(sql.type(fileRow)`SELECT ${fileColumns} FROM file f WHERE ${ended}`);
  return rows.map(toFile);
}
