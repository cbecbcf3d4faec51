import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { File } from "../../domain/files/file.ts";
import { uploadNotFound, uploadNotOpen, writerFenced } from "../../domain/repository-refusals.ts";
import type { DurablePart, Upload, UploadState } from "../../domain/uploads/upload.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { fileColumns, fileRow, toFile } from "./file-rows.ts";

const uploadState = z.enum(["open", "completing", "assembled", "committed", "aborted", "expired"]);

/** A row of `upload`, as `uploadColumns` selects it. */
export const uploadRow = z.object({
  upload_id: z.string(),
  namespace: z.string(),
  path: z.string(),
  state: uploadState,
  principal: z.string(),
  size_bytes: z.int().nullable(),
  size_max_bytes: z.int().nullable(),
  part_size_bytes: z.int(),
  content_type: z.string(),
  metadata: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  data_subject: z.string(),
  expected_crc32: z.int().nullable(),
  expected_sha256: z.instanceof(Uint8Array).nullable(),
  compute_sha256: z.boolean(),
  if_generation_match: z.int().nullable(),
  bucket: z.string(),
  region: z.string(),
  s3_key: z.string(),
  multipart_id: z.string().nullable(),
  put_attempt: z.int(),
  epoch: z.int(),
  object_key: z.string().nullable(),
  object_version_id: z.string().nullable(),
  object_etag: z.string().nullable(),
  crc32: z.int().nullable(),
  sha256: z.instanceof(Uint8Array).nullable(),
  file_id: z.string().nullable(),
  failure_reason: z.string().nullable(),
  failure_message: z.string().nullable(),
  create_time: z.date(),
  expire_time: z.date(),
});

/** One row of `upload`. */
export type UploadRow = z.infer<typeof uploadRow>;

/** The columns of `upload u` that make an `uploadRow`. */
export const uploadColumns = sql.fragment`
  u.upload_id, u.namespace, u.path, u.state, u.principal, u.size_bytes, u.size_max_bytes, u.part_size_bytes,
  u.content_type, u.metadata,
  u.labels, u.data_subject, u.expected_crc32, u.expected_sha256, u.compute_sha256, u.if_generation_match, u.bucket, u.region, u.s3_key,
  u.multipart_id, u.put_attempt, u.epoch, u.object_key, u.object_version_id, u.object_etag, u.crc32, u.sha256,
  u.file_id, u.failure_reason, u.failure_message, u.create_time, u.expire_time`;

/** The domain's upload. */
export function toUpload(row: UploadRow, file: File | undefined): Upload {
  const { object_key: key, size_bytes: sizeBytes, crc32, failure_reason: reason, failure_message: message } = row;
  const isAssembled = key !== null && sizeBytes !== null && crc32 !== null;
  return {
    uploadId: row.upload_id,
    namespace: row.namespace,
    path: row.path,
    state: row.state,
    principal: row.principal,
    sizeBytes: sizeBytes ?? undefined,
    sizeMaxBytes: row.size_max_bytes ?? undefined,
    partSizeBytes: row.part_size_bytes,
    contentType: row.content_type,
    metadata: row.metadata,
    labels: row.labels,
    dataSubject: row.data_subject,
    expectedCrc32: row.expected_crc32 ?? undefined,
    expectedSha256: row.expected_sha256 ?? undefined,
    computeSha256: row.compute_sha256,
    ifGenerationMatch: row.if_generation_match ?? undefined,
    bucket: row.bucket,
    region: row.region,
    s3Key: row.s3_key,
    multipartId: row.multipart_id ?? undefined,
    putAttempt: row.put_attempt,
    epoch: row.epoch,
    crc32: crc32 ?? undefined,
    object: isAssembled
      ? {
          key,
          versionId: row.object_version_id ?? "",
          etag: row.object_etag ?? "",
          sizeBytes,
          crc32,
          sha256: row.sha256 ?? undefined,
        }
      : undefined,
    file,
    failure: reason !== null && message !== null ? { reason, message } : undefined,
    createTime: row.create_time,
    expireTime: row.expire_time,
  };
}

/** The upload of a row, with its file once it is committed. */
export async function loadUpload(pool: CommonQueryMethods, row: UploadRow): Promise<Upload> {
  if (row.file_id === null) return toUpload(row, undefined);
  const file = await pool.one(sql.type(fileRow)`
    SELECT ${fileColumns} FROM file f WHERE f.namespace = ${row.namespace} AND f.file_id = ${row.file_id}`);
  return toUpload(row, toFile(file));
}

/** The row of an upload; `not_found / UPLOAD_NOT_FOUND`. */
export async function readUploadRow(pool: CommonQueryMethods, uploadId: string): Promise<UploadRow> {
  const row = await pool.maybeOne(
    sql.type(uploadRow)`SELECT ${uploadColumns} FROM upload u WHERE u.upload_id = ${uploadId}`,
  );
  if (row === null) throw uploadNotFound(uploadId);
  return row;
}

/** A durable row of `part`. */
export const partRow = z.object({ part_number: z.int(), length_bytes: z.int(), crc32: z.int(), etag: z.string() });

/** The durable parts of an upload, ascending. */
export async function readDurableParts(pool: CommonQueryMethods, uploadId: string): Promise<DurablePart[]> {
  const rows = await pool.any(sql.type(partRow)`
    SELECT part_number, length_bytes, crc32, etag FROM part
    WHERE upload_id = ${uploadId} AND state = 'durable' ORDER BY part_number`);
  return rows.map(toDurablePart);
}

/** The domain's part. */
export function toDurablePart(row: z.infer<typeof partRow>): DurablePart {
  return { partNumber: row.part_number, lengthBytes: row.length_bytes, crc32: row.crc32, etag: row.etag };
}

/**
 * Whether the writer of that epoch still holds its range of `upload u`: a newer writer of a range that intersects it has
 * removed its row. A statement that waits for the lock on `u` sees the writers as they were before it waited, so it
 * also compares the epoch, which every beginning writer raises, with the one of that moment: where they differ nothing
 * is done, and the step is taken again by a statement that sees everything.
 */
export function holdsRange(uploadId: string | SqlFragment, epoch: number | null | SqlFragment) {
  return sql.fragment`
    u.epoch = (SELECT s.epoch FROM upload s WHERE s.upload_id = ${uploadId})
    AND EXISTS (SELECT FROM writer w WHERE w.upload_id = ${uploadId} AND w.epoch = ${epoch}::bigint)`;
}

/** The condition for a step that may have no writer: true where no epoch is given. */
export function isUnfenced(
  uploadId: string | SqlFragment,
  { epoch = null }: { epoch?: number | null | undefined | SqlFragment },
) {
  return sql.fragment`(${epoch}::bigint IS NULL OR (${holdsRange(uploadId, epoch)}))`;
}

/**
 * Throws the reason why a compare-and-set changed nothing: the upload is absent, the writer is fenced (this explains most,
 * whatever the newer writer has done since), or the state is another than the step needs. Returns the row when no reason is
 * left: the step has to be taken again then.
 */
export async function assertUpload(
  pool: CommonQueryMethods,
  uploadId: string,
  needed: { states: readonly UploadState[]; epoch?: number | undefined },
): Promise<UploadRow> {
  const row = await readUploadRow(pool, uploadId);
  const { epoch } = needed;
  if (epoch !== undefined && !(await isWriting(pool, uploadId, epoch))) {
    throw writerFenced(uploadId, epoch, row.epoch);
  }
  if (!needed.states.includes(row.state)) throw uploadNotOpen(uploadId, row.state, needed.states[0]);
  return row;
}

async function isWriting(pool: CommonQueryMethods, uploadId: string, epoch: number): Promise<boolean> {
  return await pool.exists(sql.unsafe`SELECT FROM writer WHERE upload_id = ${uploadId} AND epoch = ${epoch}`);
}
