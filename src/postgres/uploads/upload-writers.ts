import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { DomainError } from "../../domain/errors.ts";
import { partAlreadyDurable, partBeyondSize } from "../../domain/repository-refusals.ts";
import type { DurablePart } from "../../domain/uploads/upload.ts";
import type { ReceivedNote, UploadWriters } from "../../domain/uploads/upload-writers.ts";
import { assertUpload, holdsRange, readDurableParts, type UploadRow } from "../rows/upload-rows.ts";
import { addUsage, findRefusal, quotaRoom } from "../rows/usage-rows.ts";
import { beginPart } from "./begin-part.ts";
import { beginWriter } from "./begin-writer.ts";
import { adoptParts, claimPresigned } from "./presigned-parts.ts";
import { slideExpiry } from "./upload-expiry.ts";

/** The writers of uploads in PostgreSQL, by one statement for each step. */
export function createUploadWriters(pool: DatabasePool): UploadWriters {
  return {
    beginWriter: (namespace, uploadId, options) => beginWriter(pool, { namespace, uploadId }, options),
    beginPart: (namespace, uploadId, part, options) => beginPart(pool, { namespace, uploadId, ...part }, options),
    claimPresigned: (namespace, uploadId, parts, options) =>
      claimPresigned(pool, { namespace, uploadId, parts }, options),
    adoptParts: (uploadId, parts, options) => adoptParts(pool, { uploadId, parts }, options),
    heartbeat: (uploadId, epoch, options) => heartbeat(pool, { uploadId, epoch }, options),
    noteReceived: (notes) => noteReceived(pool, notes),
    setMultipartId: (uploadId, multipartId) => setMultipartId(pool, uploadId, multipartId),
    beginPutAttempt: (uploadId, epoch) => beginPutAttempt(pool, uploadId, epoch),
    claimParts: (uploadId, epoch, partNumbers) => claimParts(pool, { uploadId, epoch }, partNumbers),
    recordParts: (uploadId, epoch, parts, options) => recordParts(pool, { uploadId, epoch }, parts, options),
    markLost: (uploadId, epoch) => markLost(pool, uploadId, epoch),
  };
}

/** The answer of a statement that locks the upload's row: 1, or 0 when it could not. */
const lockedRow = z.object({ locked: z.int() });

const recordedRow = z.object({
  recorded: z.int(),
  /** Of a row that was locked. */
  namespace: z.string(),
  principal: z.string(),
  day_left: z.int().nullable(),
});
const heldRow = z.object({ held: z.int() });
const multipartRow = z.object({ multipart_id: z.string() });
const attemptRow = z.object({ put_attempt: z.int() });

/** Takes no lock unless the expiry moves: a beat that races a new writer harms nobody. */
async function heartbeat(
  pool: CommonQueryMethods,
  writer: { uploadId: string; epoch: number },
  options: { receivedBytes: number; expireAfterMs: number },
): Promise<void> {
  const { held } = await pool.one(sql.prepared("heartbeat", heldRow)`
    WITH held AS (
      SELECT u.upload_id, u.expire_time, ${slideExpiry(options.expireAfterMs)} AS next
      FROM upload u
      WHERE u.upload_id = ${writer.uploadId} AND u.state NOT IN ('aborted', 'expired')
        AND EXISTS (SELECT FROM writer w WHERE w.upload_id = u.upload_id AND w.epoch = ${writer.epoch})
    ), slid AS (
      UPDATE upload u SET expire_time = h.next FROM held h
      WHERE u.upload_id = h.upload_id AND u.state IN ('open', 'completing')
        AND h.next <> h.expire_time
      RETURNING u.upload_id
    ), beaten AS (
      UPDATE writer w SET received_bytes = greatest(w.received_bytes, ${options.receivedBytes}::bigint), heartbeat_time = now()
      -- The count makes the upload's row come first, as when a writer begins: the other order could deadlock.
      FROM held h, (SELECT count(*) FROM slid) s WHERE w.upload_id = h.upload_id AND w.epoch = ${writer.epoch}
    )
    SELECT count(*)::int AS held FROM held`);
  const states = ["open", "completing", "assembled", "committed"] as const;
  if (held === 0) await assertUpload(pool, writer.uploadId, { states, epoch: writer.epoch });
}

const noRow = z.object({});

async function noteReceived(pool: CommonQueryMethods, notes: readonly ReceivedNote[]): Promise<void> {
  if (notes.length === 0) return;
  await pool.query(sql.prepared("note_received", noRow)`
    UPDATE writer w SET received_bytes = n.received_bytes, heartbeat_time = now()
    FROM ${sql.unnest(
      notes.map((note) => [note.uploadId, note.epoch, note.receivedBytes]),
      ["uuid", "int8", "int8"],
    )} AS n (upload_id, epoch, received_bytes)
    WHERE w.upload_id = n.upload_id AND w.epoch = n.epoch AND w.received_bytes < n.received_bytes`);
}

async function setMultipartId(pool: CommonQueryMethods, uploadId: string, multipartId: string): Promise<string> {
  const kept = await pool.maybeOneFirst(sql.type(multipartRow)`
    UPDATE upload SET multipart_id = coalesce(multipart_id, ${multipartId})
    WHERE upload_id = ${uploadId} AND state = 'open' RETURNING multipart_id`);
  if (kept !== null) return kept;
  await assertUpload(pool, uploadId, { states: ["open"] });
  return await setMultipartId(pool, uploadId, multipartId);
}

async function beginPutAttempt(pool: CommonQueryMethods, uploadId: string, epoch: number): Promise<number> {
  const attempt = await pool.maybeOneFirst(sql.prepared("begin_put_attempt", attemptRow)`
    UPDATE upload u SET put_attempt = u.put_attempt + 1
    WHERE u.upload_id = ${uploadId} AND u.state = 'open' AND ${holdsRange(uploadId, epoch)} RETURNING u.put_attempt`);
  if (attempt !== null) return attempt;
  await assertUpload(pool, uploadId, { states: ["open"], epoch });
  return await beginPutAttempt(pool, uploadId, epoch);
}

/**
 * The upload's row under a lock that lets other parts be recorded but no writer begin, no size be sealed and no state
 * change. No row is locked when the part lies beyond the sealed size.
 */
function lockUpload(uploadId: string, epoch: number, partNumber: number) {
  return sql.fragment`
    SELECT u.upload_id, u.namespace, u.principal, u.copied_path IS NOT NULL AS is_copy, u.size_bytes, u.part_size_bytes FROM upload u
    WHERE u.upload_id = ${uploadId} AND u.state = 'open' AND ${holdsRange(uploadId, epoch)}
      AND (u.size_bytes IS NULL OR ${partNumber - 1}::bigint * u.part_size_bytes < u.size_bytes)
    FOR SHARE OF u`;
}

/** Throws the reason why `lockUpload` locked nothing; returns when no reason is left. */
async function assertLockable(
  pool: CommonQueryMethods,
  { uploadId, epoch }: { uploadId: string; epoch: number },
  partNumber: number,
): Promise<void> {
  const row: UploadRow = await assertUpload(pool, uploadId, { states: ["open"], epoch });
  if (row.size_bytes !== null && (partNumber - 1) * row.part_size_bytes >= row.size_bytes) {
    throw partBeyondSize(uploadId, partNumber, row.size_bytes);
  }
}

async function claimParts(
  pool: CommonQueryMethods,
  writer: { uploadId: string; epoch: number },
  partNumbers: { first: number; count: number },
): Promise<void> {
  const { uploadId, epoch } = writer;
  const last = partNumbers.first + partNumbers.count - 1;
  const { locked } = await pool.one(sql.prepared("claim_parts", lockedRow)`
    WITH locked AS (${lockUpload(uploadId, epoch, partNumbers.first)}), claimed AS (
      INSERT INTO part (upload_id, part_number, epoch, state, source)
      SELECT l.upload_id, n, ${epoch}::bigint, 'claimed', 'stream'
      FROM locked l, generate_series(${partNumbers.first}::int, ${last}::int) n
      WHERE l.size_bytes IS NULL OR (n - 1)::bigint * l.part_size_bytes < l.size_bytes
      ON CONFLICT (upload_id, part_number) DO UPDATE SET epoch = excluded.epoch, source = 'stream', update_time = now()
      WHERE part.state = 'claimed' AND part.epoch < excluded.epoch
    )
    SELECT count(*)::int AS locked FROM locked`);
  if (locked > 0) return;
  await assertLockable(pool, writer, partNumbers.first);
  await claimParts(pool, writer, partNumbers);
}

const countRecorded = addUsage(sql.fragment`
  SELECT l.namespace, l.principal, 0, r.day_bytes FROM locked l, summed r`);
const roomOfLocked = quotaRoom({ namespace: sql.fragment`l.namespace`, principal: sql.fragment`l.principal` });

async function recordParts(
  pool: CommonQueryMethods,
  writer: { uploadId: string; epoch: number },
  parts: readonly DurablePart[],
  options: { isLast?: boolean } = {},
): Promise<DomainError | undefined> {
  if (parts.length === 0) return undefined;
  const { uploadId, epoch } = writer;
  const last = Math.max(...parts.map(({ partNumber }) => partNumber));
  const row = await pool.maybeOne(sql.prepared("record_parts", recordedRow)`
    WITH locked AS (${lockUpload(uploadId, epoch, last)}), recorded AS (
      UPDATE part p SET state = 'durable', length_bytes = g.length_bytes, crc32 = g.crc32, etag = g.etag, update_time = now()
      FROM locked l, ${sql.unnest(
        parts.map((part) => [part.partNumber, part.lengthBytes, part.crc32, part.etag]),
        ["int4", "int8", "int8", "text"],
      )} AS g (part_number, length_bytes, crc32, etag)
      WHERE p.upload_id = l.upload_id AND p.part_number = g.part_number AND p.state = 'claimed' AND p.epoch = ${epoch}
      RETURNING CASE WHEN l.is_copy THEN 0 ELSE p.length_bytes END AS day_bytes
    ), summed AS (
      SELECT count(*)::int AS recorded, coalesce(sum(day_bytes), 0)::bigint AS day_bytes FROM recorded
    ), ended AS (
      DELETE FROM writer w USING locked l
      WHERE ${options.isLast === true}::boolean AND w.upload_id = l.upload_id AND w.epoch = ${epoch} RETURNING w.epoch
    ), counted AS (
      ${countRecorded}
    )
    SELECT l.namespace, l.principal, r.recorded, CASE WHEN NOT l.is_copy THEN q.day_left - r.day_bytes END AS day_left
    -- The count makes the slots of usage come last.
    FROM locked l, summed r, (SELECT count(*) FROM ended) e, LATERAL (${roomOfLocked}) q`);
  if (row === null) {
    // The answer to an equal call may have been lost; that call has then forgotten the writer.
    if (options.isLast === true && (await areRecorded(pool, uploadId, parts))) return undefined;
    await assertLockable(pool, writer, last);
    return await recordParts(pool, writer, parts, options);
  }
  if (row.recorded < parts.length) await assertRecorded(pool, uploadId, parts);
  return row.day_left === null || row.day_left > 0 ? undefined : await findRefusal(pool, row, { dayBytes: 1 });
}

async function areRecorded(
  pool: CommonQueryMethods,
  uploadId: string,
  parts: readonly DurablePart[],
): Promise<boolean> {
  const durable = new Map((await readDurableParts(pool, uploadId)).map((part) => [part.partNumber, part.etag]));
  return parts.every(({ partNumber, etag }) => durable.get(partNumber) === etag);
}

/** Parts that this statement has not recorded must be recorded already, by an equal statement whose answer was lost. */
async function assertRecorded(
  pool: CommonQueryMethods,
  uploadId: string,
  parts: readonly DurablePart[],
): Promise<void> {
  const durable = new Map((await readDurableParts(pool, uploadId)).map((part) => [part.partNumber, part]));
  for (const part of parts) {
    const known = durable.get(part.partNumber);
    if (known === undefined) throw new Error(`part ${part.partNumber} of upload ${uploadId} was recorded unclaimed`);
    if (known.crc32 !== part.crc32 || known.lengthBytes !== part.lengthBytes) {
      throw partAlreadyDurable(uploadId, part.partNumber);
    }
  }
}

/** open -> aborted. */
async function markLost(pool: CommonQueryMethods, uploadId: string, epoch: number): Promise<void> {
  const { rowCount } = await pool.query(sql.unsafe`
    UPDATE upload u SET state = 'aborted', state_time = now()
    WHERE u.upload_id = ${uploadId} AND u.state = 'open' AND ${holdsRange(uploadId, epoch)}`);
  if (rowCount > 0) return;
  const { state } = await assertUpload(pool, uploadId, { states: ["open", "aborted"], epoch });
  if (state === "open") await markLost(pool, uploadId, epoch);
}
