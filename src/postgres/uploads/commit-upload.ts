import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { type File, NEW_FILE } from "../../domain/files/file.ts";
import { sizeMismatch } from "../../domain/repository-refusals.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { CommitOptions, CommitOutcome, UploadCommits } from "../../domain/uploads/upload-commits.ts";
import { recordMetric } from "../../telemetry/metrics.ts";
import { violates } from "../pool/errors.ts";
import { groupCalls, LONE_LIMITS, WRITE_LIMITS } from "../pool/group-calls.ts";
import { assertUpload, loadUpload, toUpload } from "../rows/upload-rows.ts";
import { findRefusal } from "../rows/usage-rows.ts";
import { ALONE, type AskedCommit, type CommitRow, commitAll, pathLockKey, TOGETHER } from "./commit-statement.ts";

/** A commit can lose a race to a restored file (it takes no lock on the path) only so many times. */
const ATTEMPTS_MAX = 5;

/**
 * UploadCommits.commit, in one statement for those that come together, when nobody else holds what one of them needs.
 *
 * A statement sees the database as it was when it began. If it waited for a commit to the same path, it would not see that
 * commit's file and could not supersede it. So it only *tries* the path's advisory lock, and does nothing without it; then
 * the lock is awaited first and the statement, begun after that, sees everything. The lock only saves work: the unique
 * index on live paths forbids two live files. It waits neither for rows that somebody else has locked, nor takes more than its share
 * of what a quota leaves: such a commit gets a transaction of its own, too.
 */
export function createCommitUpload(pool: DatabasePool): UploadCommits["commit"] {
  const commitTogether = groupCalls((asked: readonly AskedCommit[]) => commitAll(pool, asked, TOGETHER), WRITE_LIMITS);
  const commitAlone = groupCalls(
    ([asked]: readonly AskedCommit[]) => commitLocked(pool, asked as AskedCommit),
    LONE_LIMITS,
  );
  return async (uploadId, options) => {
    for (let attempt = 1; ; attempt++) {
      const commit = attempt === 1 ? commitTogether : commitAlone;
      const row = await commit({ uploadId, options }).catch((error) => {
        if (violates(error, "file_live_path") && attempt < ATTEMPTS_MAX) return undefined;
        throw error;
      });
      const outcome = row && (await toOutcome(pool, row, options));
      if (outcome?.kind === "committed") countCommitted(outcome.upload);
      if (outcome !== undefined) return outcome;
      const states = options.object === undefined ? (["assembled", "committed"] as const) : READY_STATES;
      const current = await assertUpload(pool, uploadId, { states, epoch: options.epoch });
      if (current.state === "committed") return { kind: "committed", upload: await loadUpload(pool, current) };
      if (current.state === "open" && options.object !== undefined && current.size_bytes !== null) {
        const { sizeBytes } = options.object;
        if (sizeBytes !== current.size_bytes) throw sizeMismatch(uploadId, sizeBytes, current.size_bytes);
      }
      if (attempt >= ATTEMPTS_MAX) throw new Error(`upload ${uploadId} could not be committed in ${attempt} attempts`);
    }
  };
}

const READY_STATES = ["assembled", "open", "committed"] as const;

function countCommitted({ namespace, file }: Upload): void {
  recordMetric("sluice.upload.committed", file?.sizeBytes ?? 0, { "sluice.namespace": namespace });
}

/** Commits an upload whatever has to be awaited. What would pass a quota without the others waits for the others. */
async function commitLocked(pool: DatabasePool, asked: AskedCommit): Promise<(CommitRow | undefined)[]> {
  return await pool.transaction(async (transaction) => {
    await transaction.query(sql.unsafe`
      SELECT pg_advisory_xact_lock(${pathLockKey}) FROM upload u WHERE u.upload_id = ${asked.uploadId}`);
    await transaction.query(sql.unsafe`
      SELECT pg_advisory_xact_lock(hashtextextended('quota of ' || u.namespace, 0))
      FROM upload u JOIN namespace n ON n.name = u.namespace
      WHERE u.upload_id = ${asked.uploadId} AND coalesce(n.stored_bytes_max, n.principal_stored_bytes_max) IS NOT NULL`);
    return await commitAll(transaction, [asked], ALONE);
  });
}

/** The outcome; undefined when the quota that has refused the file has room for it by now. */
async function toOutcome(
  pool: CommonQueryMethods,
  row: CommitRow,
  { fileId, retainMs }: CommitOptions,
): Promise<CommitOutcome | undefined> {
  const upload = toUpload(row, undefined);
  if (!row.is_match) return { kind: "generation-mismatch", upload, currentGeneration: row.live_generation };
  const { generation, commit_time: commitTime } = row;
  if (generation === null || commitTime === null) {
    const refusal = await findRefusal(pool, row, { storedBytes: row.size_bytes ?? 0 });
    return refusal && { kind: "over-quota", upload, refusal };
  }
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
