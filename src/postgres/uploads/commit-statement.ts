import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { SERVICE_ACTOR } from "../../domain/deed.ts";
import type { CommitOptions } from "../../domain/uploads/upload-commits.ts";
import { toByteaText } from "../pool/sql-values.ts";
import { fileIsLive } from "../rows/file-rows.ts";
import { enterRows, toEnteredActor, toJson } from "../rows/journal-rows.ts";
import { isUnfenced, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { addUsages, quotaRoom } from "../rows/usage-rows.ts";

/** One commit that is asked for. */
export interface AskedCommit {
  readonly uploadId: string;
  readonly options: CommitOptions;
}

/** Key of the advisory lock on the path of `upload u`, which everybody holds who makes a generation of the path. */
export const pathLockKey = sql.fragment`hashtextextended(u.namespace || '/' || u.path, 0)`;

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

const commitRow = uploadRow.extend({
  place: z.int(),
  generation: z.int().nullable(),
  commit_time: z.date().nullable(),
  live_generation: z.int(),
  is_match: z.boolean(),
});
/** An upload after its commit, with what its file has become; without a generation it is refused. */
export type CommitRow = z.infer<typeof commitRow>;

const roomOfReady = quotaRoom({ namespace: sql.fragment`r.namespace`, principal: sql.fragment`r.principal` });
const countCommits = addUsages(sql.fragment`
  SELECT j.namespace, j.principal, coalesce(d.size_bytes, 0), CASE WHEN j.is_uploaded THEN j.size_bytes ELSE 0 END
  FROM judged j LEFT JOIN filed d ON d.file_id = j.file_id`);

/** How uploads are committed. */
export interface CommitWay {
  /** Name of the prepared statement. */
  readonly name: string;
  /** The locking clause for rows that another transaction has locked: SKIP LOCKED leaves them out, nothing waits for them. */
  readonly wait: ReturnType<typeof sql.fragment>;
  /** All that the statement commits takes at most one of so many shares of what a quota leaves. */
  readonly quotaShares: number;
}

/**
 * Several uploads, without waiting. The quotas are read once by each statement, and statements that run at once do not see one another: the
 * share keeps some thirty workers' statements together within the quota.
 */
export const TOGETHER: CommitWay = { name: "commit_uploads", wait: sql.fragment`SKIP LOCKED`, quotaShares: 100 };
/** One upload, which waits. */
export const ALONE: CommitWay = { name: "commit_upload", wait: sql.fragment``, quotaShares: 1 };

/**
 * The rows of the uploads, locked, with what their files will be; none of one that cannot be committed now. An upload is looked up by its
 * id before anything else is compared: the index of unfinished uploads holds all that have ended since the last vacuum.
 */
const selectReady = ({ wait }: CommitWay) => sql.fragment`
  SELECT a.place, a.file_id, a.retention_ms, a.retain_ms,
    u.upload_id, u.namespace, u.path, u.principal, u.copied_path, u.content_type, u.metadata, u.labels, u.data_subject, u.bucket, u.region,
    u.state = 'open' AND u.copied_path IS NULL AS is_uploaded,
    coalesce(a.if_generation_match, u.if_generation_match) AS wanted,
    coalesce(a.committer, u.committer, ${toJson(SERVICE_ACTOR)}) AS committer,
    coalesce(u.object_key, a.object_key) AS object_key,
    coalesce(u.object_version_id, a.object_version_id) AS object_version_id,
    coalesce(u.object_etag, a.object_etag) AS object_etag,
    coalesce(u.size_bytes, a.size_bytes) AS size_bytes,
    sum(coalesce(u.size_bytes, a.size_bytes)) OVER (PARTITION BY u.namespace ORDER BY a.place) AS size_sum,
    CASE u.state WHEN 'assembled' THEN u.crc32 ELSE a.crc32 END AS crc32,
    CASE u.state WHEN 'assembled' THEN u.sha256 ELSE a.sha256 END AS sha256
  FROM asked a JOIN path_lock l ON l.place = a.place AND l.held
    CROSS JOIN LATERAL (SELECT u.* FROM upload u WHERE u.upload_id = a.upload_id LIMIT 1 FOR NO KEY UPDATE OF u ${wait}) u
    -- As the foreign keys of the file's rows do in the end, when others could wait for what is locked by then.
    CROSS JOIN LATERAL (SELECT FROM namespace n WHERE n.name = u.namespace LIMIT 1 FOR KEY SHARE OF n ${wait}) n
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

/**
 * The files that are live at the paths, locked; `seen` without them, where they are locked by somebody else or have changed since the
 * statement began.
 */
const selectLive = ({ wait }: CommitWay) => sql.fragment`
    seen AS MATERIALIZED (
      -- A range of paths, as in postgres/files/live-files.ts.
      SELECT r.place, f.namespace, f.path, f.file_id FROM ready r CROSS JOIN LATERAL (
        SELECT f.* FROM file f WHERE f.namespace = r.namespace AND f.path BETWEEN r.path AND r.path AND ${fileIsLive}
        ORDER BY f.path LIMIT 1
      ) f
    ), live AS MATERIALIZED (
      SELECT s.place, f.namespace, f.file_id, f.generation FROM seen s CROSS JOIN LATERAL (
        SELECT f.* FROM file f
        WHERE f.namespace = s.namespace AND f.file_id = s.file_id AND f.path BETWEEN s.path AND s.path AND ${fileIsLive}
        LIMIT 1 FOR NO KEY UPDATE OF f ${wait}
      ) f
    )`;

/** The row of each commit that was made or refused; undefined for one that could not be decided by this statement. */
export async function commitAll(
  pool: CommonQueryMethods,
  commits: readonly AskedCommit[],
  way: CommitWay,
): Promise<(CommitRow | undefined)[]> {
  const rows = await pool.any(sql.prepared(way.name, commitRow)`
    WITH asked AS MATERIALIZED (
      ${selectAsked(commits)}
    ), path_lock AS MATERIALIZED (
      -- Of several uploads to one path the first is committed, as if the others had found its lock taken.
      SELECT a.place, CASE row_number() OVER (PARTITION BY u.namespace, u.path ORDER BY a.place)
        WHEN 1 THEN pg_try_advisory_xact_lock(${pathLockKey}) ELSE false END AS held
      FROM asked a JOIN upload u ON u.upload_id = a.upload_id
    ), ready AS MATERIALIZED (
      ${selectReady(way)}
    ), ${selectLive(way)}, judged AS MATERIALIZED (
      SELECT r.*, m.*, v.file_id AS live_file_id FROM ready r LEFT JOIN seen s ON s.place = r.place LEFT JOIN live v ON v.place = r.place
        CROSS JOIN LATERAL (${roomOfReady}) q CROSS JOIN LATERAL (
          SELECT coalesce(v.generation, 0) AS live_generation, r.wanted IS NULL OR r.wanted = coalesce(v.generation, 0) AS is_match,
            coalesce(q.stored_left >= r.size_bytes, true) AS is_within
        ) m
      WHERE (s.place IS NULL OR v.place IS NOT NULL)
        AND (NOT m.is_match OR NOT m.is_within OR coalesce(q.stored_left >= r.size_sum * ${way.quotaShares}::integer, true))
    ), matching AS MATERIALIZED (
      SELECT j.* FROM judged j WHERE j.is_match AND j.is_within
    ), numbered AS (
      INSERT INTO path_generation AS g (namespace, path, last_generation) SELECT namespace, path, 1 FROM matching
      ORDER BY namespace, path
      ON CONFLICT (namespace, path) DO UPDATE SET last_generation = g.last_generation + 1
      RETURNING g.namespace, g.path, g.last_generation AS generation, clock_timestamp() AS commit_time
    ), superseded AS (
      UPDATE file f SET supersede_time = n.commit_time, update_time = n.commit_time,
        metageneration = f.metageneration + 1, purge_time = n.commit_time + m.retention_ms * interval '1 millisecond'
      FROM matching m JOIN numbered n ON n.namespace = m.namespace AND n.path = m.path
      WHERE f.namespace = m.namespace AND f.file_id = m.live_file_id
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
      failure_message = NULL, if_generation_match = j.wanted, object_key = j.object_key,
      object_version_id = j.object_version_id, object_etag = j.object_etag, size_bytes = j.size_bytes,
      crc32 = j.crc32, sha256 = j.sha256
    FROM judged j LEFT JOIN filed d ON d.file_id = j.file_id
      LEFT JOIN numbered n ON n.namespace = j.namespace AND n.path = j.path
    WHERE u.upload_id = j.upload_id
    RETURNING ${uploadColumns}, j.place, n.generation, n.commit_time, j.live_generation, j.is_match`);
  const decided = new Map(rows.map((row) => [row.place, row]));
  return commits.map((__, place) => decided.get(place));
}
