import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { uploadNotFound, uploadNotOpen } from "../../domain/repository-refusals.ts";
import { assertUnaryPart } from "../../domain/uploads/part-plan.ts";
import type { GrantedPart, WriterOptions } from "../../domain/uploads/upload-writers.ts";
import { partRow, readUploadRow, toDurablePart, toUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { findRefusal, quotaRoom } from "../rows/usage-rows.ts";
import { slideExpiry } from "./upload-expiry.ts";

/** Which part of which upload, and its length in bytes. */
interface Target {
  namespace: string;
  uploadId: string;
  partNumber: number;
  lengthBytes: number;
}

/**
 * UploadWriters.beginPart, in one statement. As in `beginWriter`, and for the same reason, a second try locks the row
 * first.
 */
export async function beginPart(
  pool: DatabasePool,
  target: Target,
  options: Omit<WriterOptions, "lane">,
): Promise<GrantedPart> {
  const takeLocked = () =>
    pool.transaction(async (transaction) => {
      await transaction.query(sql.unsafe`SELECT FROM upload WHERE upload_id = ${target.uploadId} FOR NO KEY UPDATE`);
      return await takePart(transaction, target, options);
    });
  const begun = (await takePart(pool, target, options)) ?? (await takeLocked()) ?? (await findObstacle(pool, target));
  return begun ?? (await beginPart(pool, target, options));
}

const roomOfSeen = quotaRoom({ namespace: sql.fragment`s.namespace`, principal: sql.fragment`s.principal` });

const takenRow = uploadRow.extend({ claimed: z.int() });

async function takePart(
  pool: CommonQueryMethods,
  { namespace, uploadId, partNumber, lengthBytes }: Target,
  options: Omit<WriterOptions, "lane">,
): Promise<GrantedPart | undefined> {
  const before = partNumber - 1;
  const row = await pool.maybeOne(sql.prepared("begin_part", takenRow)`
    WITH seen AS MATERIALIZED (
      SELECT s.epoch, q.day_left FROM upload s CROSS JOIN LATERAL (
        ${roomOfSeen}) q
      WHERE s.upload_id = ${uploadId}
    ), u AS (
      UPDATE upload u SET epoch = u.epoch + 1, expire_time = ${slideExpiry(options.expireAfterMs)}
      FROM seen s
      WHERE u.upload_id = ${uploadId} AND u.namespace = ${namespace} AND u.state = 'open' AND u.epoch = s.epoch
        AND coalesce(s.day_left > 0, true)
        -- As assertUnaryPart says, which explains it where this is not true.
        AND least(u.part_size_bytes, u.size_bytes - ${before}::bigint * u.part_size_bytes) = ${lengthBytes}::bigint
        AND (u.size_max_bytes IS NULL OR ${before}::bigint * u.part_size_bytes + ${lengthBytes}::bigint <= u.size_max_bytes)
        AND NOT EXISTS (
          SELECT FROM part p WHERE p.upload_id = ${uploadId} AND p.part_number = ${partNumber} AND p.state = 'durable')
      RETURNING ${uploadColumns}
    ), fenced AS (
      DELETE FROM writer w USING u
      WHERE w.upload_id = u.upload_id
        AND (w.range_end IS NULL OR w.range_end > ${before}::bigint * u.part_size_bytes)
        AND w.range_start < ${partNumber}::bigint * u.part_size_bytes
    ), begun AS (
      INSERT INTO writer (upload_id, epoch, range_start, range_end, instance)
      SELECT u.upload_id, u.epoch, ${before}::bigint * u.part_size_bytes,
        ${before}::bigint * u.part_size_bytes + ${lengthBytes}::bigint, ${options.instance}
      FROM u
    ), claimed AS (
      INSERT INTO part (upload_id, part_number, epoch, state, source)
      SELECT u.upload_id, ${partNumber}::int, u.epoch, 'claimed', 'unary' FROM u
      ON CONFLICT (upload_id, part_number) DO UPDATE SET epoch = excluded.epoch, source = 'unary', update_time = now()
      WHERE part.state = 'claimed'
      RETURNING 1
    )
    SELECT u.*, (SELECT count(*)::int FROM claimed) AS claimed FROM u`);
  // When nothing was claimed, a writer that is fenced now has recorded the part since the statement began.
  if (row === null || row.claimed === 0) return undefined;
  return { kind: "begun", upload: toUpload(row, undefined), epoch: row.epoch };
}

/** The part that is durable already, or undefined when the caller may try again. */
async function findObstacle(pool: CommonQueryMethods, target: Target): Promise<GrantedPart | undefined> {
  const { namespace, uploadId, partNumber } = target;
  const row = await readUploadRow(pool, uploadId);
  if (row.namespace !== namespace) throw uploadNotFound(uploadId);
  const upload = toUpload(row, undefined);
  const part = await pool.maybeOne(sql.type(partRow)`
    SELECT part_number, length_bytes, crc32, etag FROM part
    WHERE upload_id = ${uploadId} AND part_number = ${partNumber} AND state = 'durable'`);
  const isDead = row.state === "aborted" || row.state === "expired";
  if (part !== null && !isDead) return { kind: "durable", upload, part: toDurablePart(part) };
  if (row.state !== "open") throw uploadNotOpen(uploadId, row.state);
  assertUnaryPart(upload, target);
  const refusal = await findRefusal(pool, upload, { dayBytes: 1 });
  if (refusal !== undefined) throw refusal;
  return undefined;
}
