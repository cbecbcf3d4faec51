import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { sizeMismatch } from "../../domain/repository-refusals.ts";
import type { AssembledObject, DurablePart, Upload, UploadFailure } from "../../domain/uploads/upload.ts";
import type {
  AssembleOptions,
  CommitTerms,
  CommitWish,
  FinishOptions,
  UploadCommits,
} from "../../domain/uploads/upload-commits.ts";
import { toBytea, toInterval } from "../pool/sql-values.ts";
import { toJson } from "../rows/journal-rows.ts";
import { assertUpload, isUnfenced, loadUpload, toUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { addUsage } from "../rows/usage-rows.ts";
import { createCommitUpload } from "./commit-upload.ts";

/** The commits of uploads in PostgreSQL, by one statement each. */
export function createUploadCommits(pool: DatabasePool): UploadCommits {
  return {
    seal: (uploadId, sizeBytes, options) => seal(pool, { uploadId, sizeBytes }, options),
    beginCompletion: (uploadId, options) => beginCompletion(pool, uploadId, options),
    reopen: (uploadId, lost) => reopen(pool, uploadId, lost),
    noteMissing: (uploadId, options) => noteMissing(pool, uploadId, options),
    assemble: (uploadId, object, options) => assemble(pool, { uploadId, object }, options),
    noteCommit: (uploadId, wish) => noteCommit(pool, uploadId, wish),
    setSha256: (uploadId, sha256) => setSha256(pool, uploadId, sha256),
    commit: createCommitUpload(pool),
    noteFailure: (uploadId, failure) => noteFailure(pool, uploadId, failure),
  };
}

const lockedRow = z.object({ locked: z.int() });

async function seal(
  pool: CommonQueryMethods,
  { uploadId, sizeBytes }: { uploadId: string; sizeBytes: number },
  options: FinishOptions = {},
): Promise<void> {
  const { locked } = await pool.one(sql.type(lockedRow)`
    WITH sealed AS (
      UPDATE upload u SET size_bytes = ${sizeBytes},
        expected_sha256 = coalesce(${toBytea(options.expectedSha256)}, u.expected_sha256)
      WHERE u.upload_id = ${uploadId} AND u.state = 'open' AND ${isUnfenced(uploadId, options)}
        AND (u.size_bytes IS NULL OR u.size_bytes = ${sizeBytes})
      RETURNING u.upload_id, u.part_size_bytes
    ), dropped AS (
      DELETE FROM part p USING sealed s
      WHERE p.upload_id = s.upload_id AND (p.part_number - 1)::bigint * s.part_size_bytes >= ${sizeBytes}
    )
    SELECT count(*)::int AS locked FROM sealed`);
  if (locked > 0) return;
  const row = await assertUpload(pool, uploadId, { states: ["open"], epoch: options.epoch });
  if (row.size_bytes !== null && row.size_bytes !== sizeBytes) throw sizeMismatch(uploadId, sizeBytes, row.size_bytes);
  await seal(pool, { uploadId, sizeBytes }, options);
}

const noFailure = sql.fragment`failure_reason = NULL, failure_message = NULL`;

/** open -> completing. */
async function beginCompletion(
  pool: CommonQueryMethods,
  uploadId: string,
  options: FinishOptions & CommitTerms & { crc32: number },
): Promise<Upload> {
  const row = await pool.maybeOne(sql.type(uploadRow)`
    UPDATE upload u SET state = 'completing', state_time = now(), commit_wanted_time = now(), committer = ${toJson(options.committer)},
      crc32 = ${options.crc32},
      if_generation_match = coalesce(${options.ifGenerationMatch ?? null}::bigint, u.if_generation_match),
      expected_sha256 = coalesce(${toBytea(options.expectedSha256)}, u.expected_sha256)
    WHERE u.upload_id = ${uploadId} AND u.state = 'open' AND ${isUnfenced(uploadId, options)}
    RETURNING ${uploadColumns}`);
  if (row !== null) return toUpload(row, undefined);
  const needed = { states: ["open", "completing"] as const, epoch: options.epoch };
  const found = await assertUpload(pool, uploadId, needed);
  return found.state === "open" ? await beginCompletion(pool, uploadId, options) : toUpload(found, undefined);
}

/** completing -> open, without the lost parts. */
async function reopen(
  pool: CommonQueryMethods,
  uploadId: string,
  lost: readonly Pick<DurablePart, "partNumber" | "etag">[],
): Promise<void> {
  const row = await pool.maybeOne(sql.type(uploadRow)`
    WITH gone AS MATERIALIZED (
      SELECT p.part_number, p.etag FROM part p
      JOIN ${sql.unnest(
        lost.map(({ partNumber, etag }) => [partNumber, etag]),
        ["int4", "text"],
      )} AS g (part_number, etag) ON g.part_number = p.part_number AND g.etag = p.etag
      WHERE p.upload_id = ${uploadId} AND p.state = 'durable'
    ), u AS (
      UPDATE upload u SET state = 'open', state_time = now(), crc32 = NULL, missing_time = NULL, commit_wanted_time = NULL,
        ${noFailure}
      WHERE u.upload_id = ${uploadId} AND u.state = 'completing'
        AND (${lost.length === 0}::boolean OR EXISTS (SELECT FROM gone))
      RETURNING ${uploadColumns}
    ), forgotten AS (
      DELETE FROM part p USING u, gone g
      WHERE p.upload_id = u.upload_id AND p.part_number = g.part_number AND p.etag = g.etag
    )
    SELECT * FROM u`);
  // The upload is open already, or its parts were sent again: another replica heard of the same loss first.
  if (row === null) await assertUpload(pool, uploadId, { states: ["completing", "open"] });
}

const stateRow = z.object({ state: z.string() });

/** completing -> aborted, once it is certain. */
async function noteMissing(
  pool: CommonQueryMethods,
  uploadId: string,
  options: { lostAfterMs: number },
): Promise<boolean> {
  const isLost = sql.fragment`coalesce(u.missing_time, now()) <= now() - ${toInterval(options.lostAfterMs)}`;
  const state = await pool.maybeOneFirst(sql.type(stateRow)`
    UPDATE upload u SET missing_time = coalesce(u.missing_time, now()),
      state = CASE WHEN ${isLost} THEN 'aborted' ELSE u.state END,
      state_time = CASE WHEN ${isLost} THEN now() ELSE u.state_time END
    WHERE u.upload_id = ${uploadId} AND u.state = 'completing'
    RETURNING u.state`);
  return state === "aborted";
}

/** completing | open -> assembled. */
async function assemble(
  pool: CommonQueryMethods,
  { uploadId, object }: { uploadId: string; object: AssembledObject },
  options: AssembleOptions = {},
): Promise<Upload> {
  const row = await pool.maybeOne(sql.type(uploadRow)`
    WITH former AS MATERIALIZED (
      SELECT u.upload_id, u.state = 'open' AND u.copied_path IS NULL AS is_uploaded FROM upload u
      WHERE u.upload_id = ${uploadId} AND u.state IN ('completing', 'open') AND ${isUnfenced(uploadId, options)}
        AND (u.size_bytes IS NULL OR u.size_bytes = ${object.sizeBytes})
      FOR NO KEY UPDATE OF u
    ), counted AS (
      ${addUsage(sql.fragment`
        SELECT u.namespace, u.principal, 0, ${object.sizeBytes}::bigint
        FROM upload u JOIN former f ON f.upload_id = u.upload_id WHERE f.is_uploaded`)}
    )
    UPDATE upload u SET state = 'assembled', state_time = now(), ${noFailure}, object_key = ${object.key},
      object_version_id = ${object.versionId}, object_etag = ${object.etag}, size_bytes = ${object.sizeBytes},
      crc32 = ${object.crc32}, sha256 = ${toBytea(object.sha256)},
      expected_sha256 = coalesce(${toBytea(options.expectedSha256)}, u.expected_sha256),
      if_generation_match = coalesce(${options.ifGenerationMatch ?? null}::bigint, u.if_generation_match),
      committer = coalesce(${toJson(options.committer)}, u.committer),
      commit_wanted_time = CASE WHEN ${options.isCommitWanted === true}::boolean OR u.state = 'completing' THEN now() END
    FROM former f WHERE u.upload_id = f.upload_id
    RETURNING ${uploadColumns}`);
  if (row !== null) return toUpload(row, undefined);
  const states = ["completing", "open", "assembled", "committed"] as const;
  const found = await assertUpload(pool, uploadId, { states, epoch: options.epoch });
  if (found.state === "assembled" || found.state === "committed") return await loadUpload(pool, found);
  const { size_bytes: sealedBytes } = found;
  if (sealedBytes !== null && sealedBytes !== object.sizeBytes) {
    throw sizeMismatch(uploadId, object.sizeBytes, sealedBytes);
  }
  return await assemble(pool, { uploadId, object }, options);
}

async function noteCommit(pool: CommonQueryMethods, uploadId: string, wish: CommitWish): Promise<void> {
  const { rowCount } = await pool.query(sql.unsafe`
    UPDATE upload SET commit_wanted_time = CASE WHEN ${wish.isWanted}::boolean OR state = 'completing' THEN now() END,
      ${noFailure}, committer = coalesce(${toJson(wish.committer)}, committer),
      if_generation_match = coalesce(${wish.ifGenerationMatch ?? null}::bigint, if_generation_match),
      expected_sha256 = coalesce(${toBytea(wish.expectedSha256)}, expected_sha256)
    WHERE upload_id = ${uploadId} AND state IN ('completing', 'assembled')`);
  if (rowCount === 0) await assertUpload(pool, uploadId, { states: ["assembled", "completing", "committed"] });
}

async function noteFailure(
  pool: CommonQueryMethods,
  uploadId: string,
  { reason, message }: UploadFailure,
): Promise<void> {
  await pool.query(sql.unsafe`
    UPDATE upload SET failure_reason = ${reason}, failure_message = ${message}
    WHERE upload_id = ${uploadId} AND state IN ('completing', 'assembled')`);
}

async function setSha256(pool: CommonQueryMethods, uploadId: string, sha256: Uint8Array): Promise<void> {
  const { rowCount } = await pool.query(sql.unsafe`
    UPDATE upload SET sha256 = ${toBytea(sha256)} WHERE upload_id = ${uploadId} AND state = 'assembled'`);
  if (rowCount === 0) await assertUpload(pool, uploadId, { states: ["assembled", "committed"] });
}
