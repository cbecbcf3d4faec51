import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { uploadNotFound, uploadNotOpen, urlOutlivesUpload } from "../../domain/repository-refusals.ts";
import { assertSignable } from "../../domain/uploads/part-plan.ts";
import type { DurablePart, Upload } from "../../domain/uploads/upload.ts";
import type { PresignedPart, WriterOptions } from "../../domain/uploads/upload-writers.ts";
import { toInterval } from "../pool/sql-values.ts";
import {
  assertUpload,
  isUnfenced,
  readDurableParts,
  readUploadRow,
  toUpload,
  uploadColumns,
  uploadRow,
} from "../rows/upload-rows.ts";
import { addUsage, findRefusal, quotaRoom } from "../rows/usage-rows.ts";
import { slideExpiry } from "./upload-expiry.ts";

/** Which parts of which upload. */
interface Target {
  namespace: string;
  uploadId: string;
  parts: readonly { partNumber: number; lengthBytes: number; crc32: number }[];
}

type Options = Omit<WriterOptions, "lane"> & { lifetimeMs: number };

/**
 * UploadWriters.claimPresigned, in one statement. As in `beginWriter`, and for the same reason, a second try locks the row
 * first.
 */
export async function claimPresigned(
  pool: DatabasePool,
  target: Target,
  options: Options,
): Promise<{ upload: Upload; durable: DurablePart[]; signTime: Date }> {
  const { uploadId, parts } = target;
  const takeLocked = () =>
    pool.transaction(async (transaction) => {
      await transaction.query(sql.unsafe`SELECT FROM upload WHERE upload_id = ${uploadId} FOR NO KEY UPDATE`);
      return await takeParts(transaction, target, options);
    });
  const taken = (await takeParts(pool, target, options)) ?? (await takeLocked());
  if (taken === undefined) {
    await assertObstacle(pool, target, options);
    return await claimPresigned(pool, target, options);
  }
  const { upload, signTime } = taken;
  if (taken.claimed === parts.length) return { upload, durable: [], signTime };
  const numbers = new Set(parts.map(({ partNumber }) => partNumber));
  const durable = await readDurableParts(pool, uploadId);
  return { upload, durable: durable.filter(({ partNumber }) => numbers.has(partNumber)), signTime };
}

const roomOfSeen = quotaRoom({ namespace: sql.fragment`s.namespace`, principal: sql.fragment`s.principal` });

const takenRow = uploadRow.extend({ claimed: z.int(), wanted: z.int(), sign_time: z.date() });

/** Each part gets the next epoch, and is fenced by itself from then on. */
async function takeParts(
  pool: CommonQueryMethods,
  { namespace, uploadId, parts }: Target,
  options: Options,
): Promise<{ upload: Upload; claimed: number; signTime: Date } | undefined> {
  const urlExpiry = sql.fragment`now() + ${toInterval(options.lifetimeMs)}`;
  const row = await pool.maybeOne(sql.prepared("claim_presigned", takenRow)`
    WITH seen AS MATERIALIZED (
      SELECT s.epoch, q.day_left FROM upload s CROSS JOIN LATERAL (
        ${roomOfSeen}) q
      WHERE s.upload_id = ${uploadId}
    ), wanted AS MATERIALIZED (
      SELECT g.part_number, g.length_bytes, g.crc32, row_number() OVER (ORDER BY g.part_number) AS ordinal
      FROM ${sql.unnest(
        parts.map((part) => [part.partNumber, part.lengthBytes, part.crc32]),
        ["int4", "int8", "int8"],
      )} AS g (part_number, length_bytes, crc32)
      WHERE NOT EXISTS (
        SELECT FROM part p WHERE p.upload_id = ${uploadId} AND p.part_number = g.part_number AND p.state = 'durable')
    ), u AS (
      UPDATE upload u SET epoch = u.epoch + (SELECT count(*) FROM wanted),
        expire_time = greatest(${slideExpiry(options.expireAfterMs)}, ${urlExpiry}),
        url_expire_time = greatest(u.url_expire_time, ${urlExpiry})
      FROM seen s
      WHERE u.upload_id = ${uploadId} AND u.namespace = ${namespace} AND u.state = 'open' AND u.epoch = s.epoch
        AND coalesce(s.day_left >= (SELECT sum(g.length_bytes) FROM wanted g), true)
        AND ${urlExpiry} <= u.expire_cap_time AND u.size_bytes IS NOT NULL
        -- As assertSignable says, which explains it where this is not true.
        AND NOT EXISTS (
          SELECT FROM wanted g WHERE g.length_bytes
            <> least(u.part_size_bytes, u.size_bytes - (g.part_number - 1)::bigint * u.part_size_bytes))
      RETURNING ${uploadColumns}
    ), fenced AS (
      DELETE FROM writer w USING u, wanted g
      WHERE w.upload_id = u.upload_id
        AND (w.range_end IS NULL OR w.range_end > (g.part_number - 1)::bigint * u.part_size_bytes)
        AND w.range_start < g.part_number::bigint * u.part_size_bytes
    ), begun AS (
      INSERT INTO writer (upload_id, epoch, range_start, range_end, instance)
      SELECT u.upload_id, s.epoch + g.ordinal, (g.part_number - 1)::bigint * u.part_size_bytes,
        (g.part_number - 1)::bigint * u.part_size_bytes + g.length_bytes, ${options.instance}
      FROM u, wanted g, seen s
    ), claimed AS (
      INSERT INTO part (upload_id, part_number, epoch, state, source, length_bytes, crc32)
      SELECT u.upload_id, g.part_number, s.epoch + g.ordinal, 'claimed', 'presigned', g.length_bytes, g.crc32
      FROM u, wanted g, seen s
      ON CONFLICT (upload_id, part_number) DO UPDATE SET epoch = excluded.epoch, source = 'presigned',
        length_bytes = excluded.length_bytes, crc32 = excluded.crc32, update_time = now()
      WHERE part.state = 'claimed'
      RETURNING 1
    )
    SELECT u.*, (SELECT count(*)::int FROM claimed) AS claimed, (SELECT count(*)::int FROM wanted) AS wanted,
      now() AS sign_time FROM u`);
  // When fewer parts were claimed than wanted, a writer that is fenced now has recorded a part since the statement began.
  if (row === null || row.claimed < row.wanted) return undefined;
  return { upload: toUpload(row, undefined), claimed: row.claimed, signTime: row.sign_time };
}

/** Throws the reason why trying again would be in vain; returns when there is none. */
async function assertObstacle(pool: CommonQueryMethods, target: Target, options: Options): Promise<void> {
  const { namespace, uploadId, parts } = target;
  const row = await readUploadRow(pool, uploadId);
  if (row.namespace !== namespace) throw uploadNotFound(uploadId);
  if (row.state !== "open") throw uploadNotOpen(uploadId, row.state);
  const durable = new Set((await readDurableParts(pool, uploadId)).map(({ partNumber }) => partNumber));
  const wanted = parts.filter(({ partNumber }) => !durable.has(partNumber));
  assertSignable(toUpload(row, undefined), wanted);
  const dayBytes = wanted.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const refusal = await findRefusal(pool, row, { dayBytes });
  if (refusal !== undefined) throw refusal;
  const isOutlived = await pool.exists(sql.unsafe`
    SELECT FROM upload u
    WHERE u.upload_id = ${uploadId} AND now() + ${toInterval(options.lifetimeMs)} > u.expire_cap_time`);
  if (isOutlived) throw urlOutlivesUpload(uploadId, options.lifetimeMs);
}

const lockedRow = z.object({ locked: z.int(), ended: z.int() });

const countAdopted = addUsage(sql.fragment`
  SELECT l.namespace, l.principal, 0, a.day_bytes
  FROM locked l, (SELECT coalesce(sum(length_bytes), 0) AS day_bytes FROM adopted) a`);

/** UploadWriters.adoptParts */
export async function adoptParts(
  pool: CommonQueryMethods,
  { uploadId, parts }: { uploadId: string; parts: readonly (PresignedPart & { etag: string })[] },
  options: { epoch?: number | undefined } = {},
): Promise<DurablePart[]> {
  const { epoch = null } = options;
  const { locked } = await pool.one(sql.type(lockedRow)`
    WITH locked AS (
      SELECT u.upload_id, u.namespace, u.principal FROM upload u
      -- A statement that waited for a beginning writer would not see whom that one fenced: as holdsRange says.
      WHERE u.upload_id = ${uploadId} AND u.state = 'open' AND ${isUnfenced(uploadId, options)}
        AND u.epoch = (SELECT s.epoch FROM upload s WHERE s.upload_id = ${uploadId})
      FOR SHARE OF u
    ), adopted AS (
      UPDATE part p SET state = 'durable', etag = g.etag, update_time = now()
      FROM locked l, ${sql.unnest(
        parts.map((part) => [part.partNumber, part.epoch, part.etag]),
        ["int4", "int8", "text"],
      )} AS g (part_number, epoch, etag)
      WHERE p.upload_id = l.upload_id AND p.part_number = g.part_number AND p.epoch = g.epoch
        AND p.state = 'claimed' AND p.source = 'presigned'
        AND (${epoch}::bigint IS NOT NULL
          OR EXISTS (SELECT FROM writer w WHERE w.upload_id = p.upload_id AND w.epoch = p.epoch))
      RETURNING p.epoch, p.length_bytes
    ), ended AS (
      DELETE FROM writer w USING locked l, adopted a WHERE w.upload_id = l.upload_id AND w.epoch = a.epoch RETURNING w.epoch
    ), counted AS (
      ${countAdopted}
    )
    -- The count makes the slots of usage come last.
    SELECT count(*)::int AS locked, (SELECT count(*)::int FROM ended) AS ended FROM locked`);
  if (locked === 0) {
    await assertUpload(pool, uploadId, { states: ["open"], epoch: options.epoch });
    return await adoptParts(pool, { uploadId, parts }, options);
  }
  const etags = new Map(parts.map(({ partNumber, etag }) => [partNumber, etag]));
  return (await readDurableParts(pool, uploadId)).filter((part) => etags.get(part.partNumber) === part.etag);
}
