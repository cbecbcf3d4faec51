import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { type Actor, SERVICE_ACTOR } from "../../domain/deed.ts";
import { type File, NEW_FILE } from "../../domain/files/file.ts";
import { sizeMismatch } from "../../domain/repository-refusals.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { CommitOptions, CommitOutcome } from "../../domain/uploads/upload-commits.ts";
import { recordMetric } from "../../telemetry/metrics.ts";
import { violates } from "../pool/errors.ts";
import { toBytea, toInterval } from "../pool/sql-values.ts";
import { fileIsLive } from "../rows/file-rows.ts";
import { type EnteredActor, type EnteredRows, enterRows, toJson } from "../rows/journal-rows.ts";
import { assertUpload, isUnfenced, loadUpload, toUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { addUsage, findRefusal, quotaRoom } from "../rows/usage-rows.ts";

/** A commit can lose a race to a restored file (it takes no lock on the path) only so many times. */
const ATTEMPTS_MAX = 5;

/**
 * UploadCommits.commit, in one statement when nobody else commits to the path at this moment.
 *
 * A statement sees the database as it was when it began. If it waited for a commit to the same path, it would not see that
 * commit's file and could not supersede it. So it only *tries* the path's advisory lock, and does nothing without it; then
 * the lock is awaited first and the statement, begun after that, sees everything. The lock only saves work: the unique
 * index on live paths forbids two live files.
 */
export async function commitUpload(
  pool: DatabasePool,
  uploadId: string,
  options: CommitOptions,
): Promise<CommitOutcome> {
  for (let attempt = 1; ; attempt++) {
    const commit = attempt === 1 ? commitOnce : commitLocked;
    const outcome = await commit(pool, uploadId, options).catch((error) => {
      if (violates(error, "file_live_path") && attempt < ATTEMPTS_MAX) return undefined;
      throw error;
    });
    if (outcome?.kind === "committed") countCommitted(outcome.upload);
    if (outcome !== undefined) return outcome;
    const states = options.object === undefined ? (["assembled", "committed"] as const) : READY_STATES;
    const row = await assertUpload(pool, uploadId, { states, epoch: options.epoch });
    if (row.state === "committed") return { kind: "committed", upload: await loadUpload(pool, row) };
    if (row.state === "open" && options.object !== undefined && row.size_bytes !== null) {
      const { sizeBytes } = options.object;
      if (sizeBytes !== row.size_bytes) throw sizeMismatch(uploadId, sizeBytes, row.size_bytes);
    }
    if (attempt >= ATTEMPTS_MAX) throw new Error(`upload ${uploadId} could not be committed in ${attempt} attempts`);
  }
}

const READY_STATES = ["assembled", "open", "committed"] as const;

function countCommitted({ namespace, file }: Upload): void {
  recordMetric("sluice.upload.committed", file?.sizeBytes ?? 0, { "sluice.namespace": namespace });
}

async function commitLocked(pool: DatabasePool, uploadId: string, options: CommitOptions) {
  return await pool.transaction(async (transaction) => {
    await transaction.query(sql.unsafe`
      SELECT pg_advisory_xact_lock(${pathLockKey}) FROM upload u WHERE u.upload_id = ${uploadId}`);
    return await commitOnce(transaction, uploadId, options);
  });
}

const pathLockKey = sql.fragment`hashtextextended(u.namespace || '/' || u.path, 0)`;

/** Whether the generation at the path of `ready r` is the one that its caller wants. */
const isMatch = sql.fragment`(r.wanted IS NULL OR r.wanted = coalesce((SELECT generation FROM live), 0))`;

const commitRow = uploadRow.extend({
  generation: z.int().nullable(),
  commit_time: z.date().nullable(),
  live_generation: z.int(),
  is_mismatch: z.boolean(),
});

const roomOfReady = quotaRoom({ namespace: sql.fragment`r.namespace`, principal: sql.fragment`r.principal` });
const countCommit = addUsage(sql.fragment`
  SELECT r.namespace, r.principal, coalesce(d.size_bytes, 0), CASE WHEN r.is_uploaded THEN r.size_bytes ELSE 0 END
  FROM ready r LEFT JOIN filed d ON true`);

/** The row of the upload, locked, with what its file will be; none when it cannot be committed now. */
function selectReady(uploadId: string, options: CommitOptions) {
  const { object } = options;
  return sql.fragment`
    SELECT u.upload_id, u.namespace, u.path, u.principal, u.copied_path, u.content_type, u.metadata, u.labels, u.data_subject, u.bucket, u.region,
      u.state = 'open' AND u.copied_path IS NULL AS is_uploaded,
      coalesce(${options.ifGenerationMatch ?? null}::bigint, u.if_generation_match) AS wanted,
      coalesce(${toJson(options.committer)}, u.committer, ${toJson(SERVICE_ACTOR)}) AS committer,
      coalesce(u.object_key, ${object?.key ?? null}) AS object_key,
      coalesce(u.object_version_id, ${object?.versionId ?? null}) AS object_version_id,
      coalesce(u.object_etag, ${object?.etag ?? null}) AS object_etag,
      coalesce(u.size_bytes, ${object?.sizeBytes ?? null}::bigint) AS size_bytes,
      CASE u.state WHEN 'assembled' THEN u.crc32 ELSE ${object?.crc32 ?? null}::bigint END AS crc32,
      CASE u.state WHEN 'assembled' THEN u.sha256 ELSE ${toBytea(object?.sha256)} END AS sha256
    FROM upload u, path_lock l
    WHERE u.upload_id = ${uploadId} AND l.held AND ${isUnfenced(uploadId, options)} AND (u.state = 'assembled' OR (
      u.state = 'open' AND ${object !== undefined}::boolean
      AND (u.size_bytes IS NULL OR u.size_bytes = ${object?.sizeBytes ?? null}::bigint)))
    FOR NO KEY UPDATE OF u`;
}

const committer = (name: keyof Actor) => sql.fragment`coalesce(m.committer->>${name}, '')`;

const COMMITTER: EnteredActor = {
  action: sql.fragment`CASE WHEN m.copied_path IS NULL THEN 'CommitUpload' ELSE 'CopyFile' END`,
  principal: committer("principal"),
  tokenKind: committer("tokenKind"),
  address: committer("address"),
  session: committer("session"),
  tokenId: sql.fragment`nullif(${committer("tokenId")}, '')::uuid`,
  requestId: sql.fragment`nullif(${committer("requestId")}, '')::uuid`,
  traceId: sql.fragment`nullif(${committer("traceId")}, '')`,
  spanId: sql.fragment`nullif(${committer("spanId")}, '')`,
};

const COMMITTED_FILE: EnteredRows = {
  from: sql.fragment`(filed d CROSS JOIN matching m CROSS JOIN numbered n)`,
  kind: "file",
  namespace: sql.fragment`m.namespace`,
  id: sql.fragment`d.file_id`,
  generation: sql.fragment`n.generation`,
  path: sql.fragment`m.path`,
  sourcePath: sql.fragment`coalesce(m.copied_path, '')`,
  dataSubject: sql.fragment`m.data_subject`,
};

const enterCommit = enterRows(COMMITTER, COMMITTED_FILE);

async function commitOnce(
  pool: CommonQueryMethods,
  uploadId: string,
  options: CommitOptions,
): Promise<CommitOutcome | undefined> {
  const { fileId, retainMs } = options;
  const retain = sql.fragment`(${retainMs ?? null}::double precision * interval '1 millisecond')`;
  const row = await pool.maybeOne(sql.prepared("commit_upload", commitRow)`
    WITH path_lock AS MATERIALIZED (
      SELECT pg_try_advisory_xact_lock(${pathLockKey}) AS held FROM upload u WHERE u.upload_id = ${uploadId}
    ), ready AS MATERIALIZED (
      ${selectReady(uploadId, options)}
    ), live AS MATERIALIZED (
      SELECT f.namespace, f.file_id, f.generation FROM file f, ready r
      WHERE f.namespace = r.namespace AND f.path = r.path AND ${fileIsLive} FOR NO KEY UPDATE OF f
    ), matching AS MATERIALIZED (
      SELECT r.* FROM ready r CROSS JOIN LATERAL (
        ${roomOfReady}) q
      WHERE ${isMatch} AND coalesce(q.stored_left >= r.size_bytes, true)
    ), numbered AS (
      INSERT INTO path_generation AS g (namespace, path, last_generation) SELECT namespace, path, 1 FROM matching
      ON CONFLICT (namespace, path) DO UPDATE SET last_generation = g.last_generation + 1
      RETURNING g.last_generation AS generation, clock_timestamp() AS commit_time
    ), superseded AS (
      UPDATE file f SET supersede_time = n.commit_time, update_time = n.commit_time,
        metageneration = f.metageneration + 1, purge_time = n.commit_time + ${toInterval(options.retentionMs)}
      FROM live v, numbered n WHERE f.namespace = v.namespace AND f.file_id = v.file_id
      RETURNING f.file_id
    ), filed AS (
      INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, sha256, content_type, metadata,
        labels, data_subject, bucket, region, s3_key, s3_version_id, etag, principal, create_time, update_time,
        retain_until_time)
      SELECT ${fileId}::uuid, m.namespace, m.path, n.generation, m.size_bytes, m.crc32, m.sha256, m.content_type,
        m.metadata, m.labels, m.data_subject, m.bucket, m.region, m.object_key, m.object_version_id, m.object_etag, m.principal, n.commit_time,
        n.commit_time,
        -- Whole milliseconds, as the API shows them: a change that sends it back does not shorten it.
        date_trunc('milliseconds', n.commit_time) + ${retain}
      -- The count makes the superseding come first: the index on live paths is checked at each row.
      FROM matching m, numbered n, (SELECT count(*) FROM superseded) s
      RETURNING file_id, size_bytes
    -- CTEs that nothing reads run from the last to the first: the slots of what is used are locked last.
    ), counted AS (
      ${countCommit}
    ), ${enterCommit}
    UPDATE upload u SET state = CASE WHEN d.file_id IS NULL THEN 'assembled' ELSE 'committed' END,
      file_id = d.file_id, state_time = now(), commit_wanted_time = NULL, failure_reason = NULL,
      failure_message = NULL, if_generation_match = r.wanted, object_key = r.object_key,
      object_version_id = r.object_version_id, object_etag = r.object_etag, size_bytes = r.size_bytes,
      crc32 = r.crc32, sha256 = r.sha256
    FROM ready r LEFT JOIN filed d ON true LEFT JOIN numbered n ON true LEFT JOIN live v ON true
    WHERE u.upload_id = r.upload_id
    RETURNING ${uploadColumns}, n.generation, n.commit_time, coalesce(v.generation, 0) AS live_generation,
      NOT (${isMatch}) AS is_mismatch`);
  if (row === null) return undefined;
  if (row.is_mismatch) {
    return { kind: "generation-mismatch", upload: toUpload(row, undefined), currentGeneration: row.live_generation };
  }
  if (row.generation === null || row.commit_time === null) {
    const refusal = await findRefusal(pool, row, { storedBytes: row.size_bytes ?? 0 });
    return refusal && { kind: "over-quota", upload: toUpload(row, undefined), refusal };
  }
  const upload = toUpload(row, undefined);
  const { generation, commit_time: commitTime } = row;
  const file = toCommittedFile(upload, { fileId, generation, commitTime, retainMs });
  return { kind: "committed", upload: { ...upload, file } };
}

/** The file that the statement has inserted, without reading it back. */
function toCommittedFile(
  upload: CommitOutcome["upload"],
  options: { fileId: string; generation: number; commitTime: Date; retainMs: number | undefined },
): File {
  const { fileId, generation, commitTime, retainMs } = options;
  const { namespace, path, contentType, metadata, labels, dataSubject, bucket, region, object } = upload;
  if (object === undefined) throw new Error(`committed upload ${upload.uploadId} names no object`);
  return {
    fileId,
    namespace,
    path,
    generation,
    contentType,
    metadata,
    labels,
    dataSubject,
    bucket,
    region,
    sizeBytes: object.sizeBytes,
    crc32: object.crc32,
    sha256: object.sha256,
    s3Key: object.key,
    s3VersionId: object.versionId,
    s3Etag: object.etag,
    createTime: commitTime,
    updateTime: commitTime,
    ...NEW_FILE,
    ...(retainMs !== undefined && { retainUntilTime: new Date(commitTime.getTime() + retainMs) }),
  };
}
