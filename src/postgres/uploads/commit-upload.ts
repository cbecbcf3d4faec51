import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { SERVICE_ACTOR } from "../../domain/deed.ts";
import { type File, NEW_FILE } from "../../domain/files/file.ts";
import { sizeMismatch } from "../../domain/repository-refusals.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { CommitOptions, CommitOutcome, UploadCommits } from "../../domain/uploads/upload-commits.ts";
import { recordMetric } from "../../telemetry/metrics.ts";
import { violates } from "../pool/errors.ts";
import { groupCalls, WRITE_LIMITS } from "../pool/group-calls.ts";
import { toByteaText } from "../pool/sql-values.ts";
import { fileIsLive } from "../rows/file-rows.ts";
import { enterRows, toEnteredActor, toJson } from "../rows/journal-rows.ts";
import { assertUpload, isUnfenced, loadUpload, toUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { addUsages, findRefusal, quotaRoom } from "../rows/usage-rows.ts";

/** A commit can lose a race to a restored file (it takes no lock on the path) only so many times. */
const ATTEMPTS_MAX = 5;

/** One commit that is asked for. */
interface AskedCommit {
  readonly uploadId: string;
  readonly options: CommitOptions;
}

/**
 * UploadCommits.commit, in one statement for those that come together, when nobody else commits to the same path at this moment.
 *
 * A statement sees the database as it was when it began. If it waited for a commit to the same path, it would not see that
 * commit's file and could not supersede it. So it only *tries* the path's advisory lock, and does nothing without it; then
 * the lock is awaited first and the statement, begun after that, sees everything. The lock only saves work: the unique
 * index on live paths forbids two live files.
 */
export function createCommitUpload(pool: DatabasePool): UploadCommits["commit"] {
  const commitTogether = groupCalls((asked: readonly AskedCommit[]) => commitAll(pool, asked), WRITE_LIMITS);
  return async (uploadId, options) => {
    for (let attempt = 1; ; attempt++) {
      const asked = { uploadId, options };
      const outcome = await (attempt === 1 ? commitTogether(asked) : commitLocked(pool, asked)).catch((error) => {
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
  };
}

const READY_STATES = ["assembled", "open", "committed"] as const;

function countCommitted({ namespace, file }: Upload): void {
  recordMetric("sluice.upload.committed", file?.sizeBytes ?? 0, { "sluice.namespace": namespace });
}

async function commitLocked(pool: DatabasePool, asked: AskedCommit): Promise<CommitOutcome | undefined> {
  return await pool.transaction(async (transaction) => {
    await transaction.query(sql.unsafe`
      SELECT pg_advisory_xact_lock(${pathLockKey}) FROM upload u WHERE u.upload_id = ${asked.uploadId}`);
    const [outcome] = await commitAll(transaction, [asked]);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
}

const pathLockKey = sql.fragment`hashtextextended(u.namespace || '/' || u.path, 0)`;

/** The commits that a statement is asked for, a row each; what is left out of one is null. */
function selectAsked(commits: readonly AskedCommit[]) {
  const rows = commits.map(({ uploadId, options }, place) => {
    const { object } = options;
    return {
      place,
      upload_id: uploadId,
      file_id: options.fileId,
      epoch: options.epoch,
      if_generation_match: options.ifGenerationMatch,
      committer: options.committer,
      retention_ms: options.retentionMs,
      retain_ms: options.retainMs,
      has_object: object !== undefined,
      object_key: object?.key,
      object_version_id: object?.versionId,
      object_etag: object?.etag,
      size_bytes: object?.sizeBytes,
      crc32: object?.crc32,
      sha256: object?.sha256 && toByteaText(object.sha256),
    };
  });
  return sql.fragment`
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS a (place integer, upload_id uuid, file_id uuid, epoch bigint,
      if_generation_match bigint, committer jsonb, retention_ms double precision, retain_ms double precision, has_object boolean,
      object_key text, object_version_id text, object_etag text, size_bytes bigint, crc32 bigint, sha256 bytea)`;
}

/** The condition that `live v`, what is live at the path of `ready r`, is the generation that the caller of `r` wants. */
const isMatch = sql.fragment`(r.wanted IS NULL OR r.wanted = coalesce(v.generation, 0))`;

const commitRow = uploadRow.extend({
  place: z.int(),
  generation: z.int().nullable(),
  commit_time: z.date().nullable(),
  live_generation: z.int(),
  is_mismatch: z.boolean(),
});

const roomOfReady = quotaRoom({ namespace: sql.fragment`r.namespace`, principal: sql.fragment`r.principal` });
const countCommits = addUsages(sql.fragment`
  SELECT r.namespace, r.principal, coalesce(d.size_bytes, 0), CASE WHEN r.is_uploaded THEN r.size_bytes ELSE 0 END
  FROM ready r LEFT JOIN filed d ON d.file_id = r.file_id`);

/**
 * The rows of the uploads, locked, with what their files will be; none of one that cannot be committed now. An upload is looked up by its
 * id before anything else is compared: the index of unfinished uploads holds all that have ended since the last vacuum.
 */
const selectReady = sql.fragment`
  SELECT a.place, a.file_id, a.retention_ms, a.retain_ms,
    u.upload_id, u.namespace, u.path, u.principal, u.copied_path, u.content_type, u.metadata, u.labels, u.data_subject, u.bucket, u.region,
    u.state = 'open' AND u.copied_path IS NULL AS is_uploaded,
    coalesce(a.if_generation_match, u.if_generation_match) AS wanted,
    coalesce(a.committer, u.committer, ${toJson(SERVICE_ACTOR)}) AS committer,
    coalesce(u.object_key, a.object_key) AS object_key,
    coalesce(u.object_version_id, a.object_version_id) AS object_version_id,
    coalesce(u.object_etag, a.object_etag) AS object_etag,
    coalesce(u.size_bytes, a.size_bytes) AS size_bytes,
    -- What is committed together must fit together: the quotas are read once.
    sum(coalesce(u.size_bytes, a.size_bytes)) OVER (PARTITION BY u.namespace ORDER BY a.place) AS size_sum,
    CASE u.state WHEN 'assembled' THEN u.crc32 ELSE a.crc32 END AS crc32,
    CASE u.state WHEN 'assembled' THEN u.sha256 ELSE a.sha256 END AS sha256
  FROM asked a JOIN path_lock l ON l.place = a.place AND l.held
    CROSS JOIN LATERAL (SELECT u.* FROM upload u WHERE u.upload_id = a.upload_id LIMIT 1 FOR NO KEY UPDATE OF u) u
  WHERE ${isUnfenced(sql.fragment`a.upload_id`, { epoch: sql.fragment`a.epoch` })} AND (u.state = 'assembled' OR (
    u.state = 'open' AND a.has_object AND (u.size_bytes IS NULL OR u.size_bytes = a.size_bytes)))`;

const committedFile = sql.fragment`(filed d JOIN matching m ON m.file_id = d.file_id JOIN numbered n ON n.namespace = m.namespace AND n.path = m.path)`;

const enterCommits = enterRows(
  {
    action: sql.fragment`CASE WHEN m.copied_path IS NULL THEN 'CommitUpload' ELSE 'CopyFile' END`,
    ...toEnteredActor(sql.fragment`m.committer`),
  },
  {
    from: committedFile,
    kind: "file",
    namespace: sql.fragment`m.namespace`,
    id: sql.fragment`d.file_id`,
    generation: sql.fragment`n.generation`,
    path: sql.fragment`m.path`,
    sourcePath: sql.fragment`coalesce(m.copied_path, '')`,
    dataSubject: sql.fragment`m.data_subject`,
  },
);

/** The outcome of each commit, or why it has none; undefined for one that could not be made by this statement. */
async function commitAll(
  pool: CommonQueryMethods,
  commits: readonly AskedCommit[],
): Promise<(CommitOutcome | undefined | Error)[]> {
  const rows = await pool.any(sql.prepared("commit_uploads", commitRow)`
    WITH asked AS MATERIALIZED (
      ${selectAsked(commits)}
    ), path_lock AS MATERIALIZED (
      -- Of several uploads to one path the first is committed, as if the others had found its lock taken.
      SELECT a.place, CASE row_number() OVER (PARTITION BY u.namespace, u.path ORDER BY a.place)
        WHEN 1 THEN pg_try_advisory_xact_lock(${pathLockKey}) ELSE false END AS held
      FROM asked a JOIN upload u ON u.upload_id = a.upload_id
    ), ready AS MATERIALIZED (
      ${selectReady}
    ), live AS MATERIALIZED (
      -- A range of paths, as in postgres/files/live-files.ts.
      SELECT r.place, f.namespace, f.file_id, f.generation FROM ready r CROSS JOIN LATERAL (
        SELECT f.* FROM file f WHERE f.namespace = r.namespace AND f.path BETWEEN r.path AND r.path AND ${fileIsLive}
        ORDER BY f.path LIMIT 1 FOR NO KEY UPDATE OF f
      ) f
    ), matching AS MATERIALIZED (
      SELECT r.* FROM ready r LEFT JOIN live v ON v.place = r.place CROSS JOIN LATERAL (
        ${roomOfReady}) q
      WHERE ${isMatch} AND coalesce(q.stored_left >= r.size_sum, true)
    ), numbered AS (
      INSERT INTO path_generation AS g (namespace, path, last_generation) SELECT namespace, path, 1 FROM matching
      ON CONFLICT (namespace, path) DO UPDATE SET last_generation = g.last_generation + 1
      RETURNING g.namespace, g.path, g.last_generation AS generation, clock_timestamp() AS commit_time
    ), superseded AS (
      UPDATE file f SET supersede_time = n.commit_time, update_time = n.commit_time,
        metageneration = f.metageneration + 1, purge_time = n.commit_time + m.retention_ms * interval '1 millisecond'
      FROM live v JOIN matching m ON m.place = v.place JOIN numbered n ON n.namespace = m.namespace AND n.path = m.path
      WHERE f.namespace = v.namespace AND f.file_id = v.file_id
      RETURNING f.file_id
    ), filed AS (
      INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, sha256, content_type, metadata,
        labels, data_subject, bucket, region, s3_key, s3_version_id, etag, principal, create_time, update_time,
        retain_until_time)
      SELECT m.file_id, m.namespace, m.path, n.generation, m.size_bytes, m.crc32, m.sha256, m.content_type,
        m.metadata, m.labels, m.data_subject, m.bucket, m.region, m.object_key, m.object_version_id, m.object_etag, m.principal, n.commit_time,
        n.commit_time,
        -- Whole milliseconds, as the API shows them: a change that sends it back does not shorten it.
        date_trunc('milliseconds', n.commit_time) + m.retain_ms * interval '1 millisecond'
      -- The count makes the superseding come first: the index on live paths is checked at each row.
      FROM matching m JOIN numbered n ON n.namespace = m.namespace AND n.path = m.path, (SELECT count(*) FROM superseded) s
      RETURNING file_id, size_bytes
    -- CTEs that nothing reads run from the last to the first: the slots of what is used are locked last.
    ), counted AS (
      ${countCommits}
    ), ${enterCommits}
    UPDATE upload u SET state = CASE WHEN d.file_id IS NULL THEN 'assembled' ELSE 'committed' END,
      file_id = d.file_id, state_time = now(), commit_wanted_time = NULL, failure_reason = NULL,
      failure_message = NULL, if_generation_match = r.wanted, object_key = r.object_key,
      object_version_id = r.object_version_id, object_etag = r.object_etag, size_bytes = r.size_bytes,
      crc32 = r.crc32, sha256 = r.sha256
    FROM ready r LEFT JOIN filed d ON d.file_id = r.file_id
      LEFT JOIN numbered n ON n.namespace = r.namespace AND n.path = r.path LEFT JOIN live v ON v.place = r.place
    WHERE u.upload_id = r.upload_id
    RETURNING ${uploadColumns}, r.place, n.generation, n.commit_time, coalesce(v.generation, 0) AS live_generation,
      NOT (${isMatch}) AS is_mismatch`);
  const outcomes = new Map(
    rows.map((row) => [row.place, toOutcome(pool, row, (commits[row.place] as AskedCommit).options)] as const),
  );
  return await Promise.all(commits.map((__, place) => outcomes.get(place)?.catch((error: Error) => error)));
}

async function toOutcome(
  pool: CommonQueryMethods,
  row: z.infer<typeof commitRow>,
  { fileId, retainMs }: CommitOptions,
): Promise<CommitOutcome | undefined> {
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
