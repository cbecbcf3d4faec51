import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { uploadNotFound } from "../../domain/repository-refusals.ts";
import type { GrantedWriter, WriterOptions } from "../../domain/uploads/upload-writers.ts";
import { partsWithin, toWriterRange } from "../../domain/uploads/writer-range.ts";
import {
  loadUpload,
  partRow,
  readDurableParts,
  readUploadRow,
  toDurablePart,
  toUpload,
  uploadColumns,
  uploadRow,
} from "../rows/upload-rows.ts";
import { findRefusal, quotaRoom } from "../rows/usage-rows.ts";
import { slideExpiry } from "./upload-expiry.ts";

/** Which upload. */
interface Target {
  namespace: string;
  uploadId: string;
}

/**
 * UploadWriters.beginWriter, in one statement when no other writer of the upload begins at this moment.
 *
 * A statement that waited for another writer's would not see that one's row, and could not fence it. So it does
 * nothing when the epoch has moved since it began; then the row's lock is awaited first, and the statement that is begun
 * after that sees everything.
 */
export async function beginWriter(pool: DatabasePool, target: Target, options: WriterOptions): Promise<GrantedWriter> {
  const takeLocked = () =>
    pool.transaction(async (transaction) => {
      await transaction.query(sql.unsafe`SELECT FROM upload WHERE upload_id = ${target.uploadId} FOR NO KEY UPDATE`);
      return await takeRange(transaction, target, options);
    });
  const begun =
    (await takeRange(pool, target, options)) ?? (await takeLocked()) ?? (await findObstacle(pool, target, options));
  return begun ?? (await beginWriter(pool, target, options));
}

const roomOfUpload = quotaRoom({ namespace: sql.fragment`u.namespace`, principal: sql.fragment`u.principal` });

const begunRow = uploadRow.extend({ day_left: z.int().nullable() });

/**
 * Raises the epoch, removes the writers whose ranges intersect the new one's, and adds its row. So the writers of an
 * upload never overlap: there are at most as many as it has parts, whatever the number of calls.
 */
async function takeRange(
  pool: CommonQueryMethods,
  { namespace, uploadId }: Target,
  options: WriterOptions,
): Promise<GrantedWriter | undefined> {
  const { lane } = options;
  const start = lane?.offset ?? 0;
  const end = lane === undefined ? null : lane.offset + lane.sizeBytes;
  const row = await pool.maybeOne(sql.prepared("begin_writer", begunRow)`
    WITH seen AS MATERIALIZED (
      SELECT s.epoch FROM upload s WHERE s.upload_id = ${uploadId}
    ), u AS (
      UPDATE upload u SET epoch = u.epoch + 1, expire_time = ${slideExpiry(options.expireAfterMs)}
      FROM seen s
      WHERE u.upload_id = ${uploadId} AND u.namespace = ${namespace} AND u.state = 'open' AND u.epoch = s.epoch
        AND (${end}::bigint IS NULL OR (
          -- As toWriterRange says, which explains it where this is not true.
          ${end}::bigint > ${start}::bigint AND ${end}::bigint <= u.size_bytes
          AND ${start}::bigint >= 0 AND ${start}::bigint % u.part_size_bytes = 0
          AND (${end}::bigint % u.part_size_bytes = 0 OR ${end}::bigint = u.size_bytes)))
      RETURNING ${uploadColumns}, u.copied_path
    ), fenced AS (
      DELETE FROM writer w USING u
      WHERE w.upload_id = u.upload_id
        AND (w.range_end IS NULL OR w.range_end > ${start}::bigint)
        AND (${end}::bigint IS NULL OR w.range_start < ${end}::bigint)
    ), begun AS (
      INSERT INTO writer (upload_id, epoch, range_start, range_end, instance)
      SELECT u.upload_id, u.epoch, ${start}::bigint, ${end}::bigint, ${options.instance} FROM u
    )
    SELECT u.*, CASE WHEN u.copied_path IS NULL THEN q.day_left END AS day_left FROM u CROSS JOIN LATERAL (
      ${roomOfUpload}) q`);
  if (row === null) return undefined;
  // A second statement reads the parts after the epoch was taken: it sees everything that the former writers have recorded,
  // and they can record nothing more. The first writer has nothing to read.
  const found = row.epoch === 1 ? NO_PARTS : await readParts(pool, uploadId);
  const upload = toUpload(row, undefined);
  const range = toWriterRange(upload, options.lane);
  const outstanding = partsWithin(found.outstanding, range, upload.partSizeBytes);
  const isUsedUp = row.day_left !== null && row.day_left <= 0;
  const refusal = isUsedUp ? await findRefusal(pool, row, { dayBytes: 1 }) : undefined;
  return { upload, epoch: row.epoch, range, parts: found.parts, outstanding, refusal };
}

/** The upload that cannot be written, or undefined when the caller may try again. */
async function findObstacle(
  pool: CommonQueryMethods,
  { namespace, uploadId }: Target,
  options: WriterOptions,
): Promise<GrantedWriter | undefined> {
  const row = await readUploadRow(pool, uploadId);
  if (row.namespace !== namespace) throw uploadNotFound(uploadId);
  toWriterRange(toUpload(row, undefined), options.lane);
  if (row.state === "open") return undefined;
  const [upload, parts] = [await loadUpload(pool, row), await readDurableParts(pool, uploadId)];
  return { upload, epoch: 0, range: toWriterRange(upload, options.lane), parts, outstanding: [] };
}

type Parts = Pick<GrantedWriter, "parts" | "outstanding">;

const NO_PARTS: Parts = { parts: [], outstanding: [] };

const claimOrPartRow = partRow.extend({ state: z.string(), epoch: z.int(), etag: z.string().nullable() });

/** The durable parts, and the parts that any writer has claimed for presigned URLs. */
async function readParts(pool: CommonQueryMethods, uploadId: string): Promise<Parts> {
  const rows = await pool.any(sql.type(claimOrPartRow)`
    SELECT part_number, length_bytes, crc32, etag, state, epoch FROM part
    WHERE upload_id = ${uploadId} AND (state = 'durable' OR source = 'presigned') ORDER BY part_number`);
  const found: Parts = { parts: [], outstanding: [] };
  for (const { etag, ...row } of rows) {
    if (row.state === "durable") found.parts.push(toDurablePart({ ...row, etag: etag as string }));
    else {
      const { part_number: partNumber, length_bytes: lengthBytes, crc32, epoch } = row;
      found.outstanding.push({ partNumber, lengthBytes, crc32, epoch });
    }
  }
  return found;
}
