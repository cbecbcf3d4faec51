import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { type CommandIdentity, toDeed } from "../../domain/command-identity.ts";
import type { DomainError } from "../../domain/errors.ts";
import {
  generationMismatch,
  namespaceNotFound,
  uploadTokenExpired,
  uploadTokenUsedUp,
} from "../../domain/repository-refusals.ts";
import { isOnePart } from "../../domain/uploads/part-plan.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { NewUpload, UploadCatalogue } from "../../domain/uploads/upload-catalogue.ts";
import { violates } from "../pool/errors.ts";
import { groupCalls, LONE_LIMITS, WRITE_LIMITS } from "../pool/group-calls.ts";
import { toByteaText } from "../pool/sql-values.ts";
import { fileIsLive } from "../rows/file-rows.ts";
import { CHANGED_UPLOADS, enterRows, toEnteredActor } from "../rows/journal-rows.ts";
import { findEarlierSubject } from "../rows/request-rows.ts";
import { loadUpload, readUploadRow, toUpload, type UploadRow, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { findRefusal, quotaRoom } from "../rows/usage-rows.ts";

/** One upload that is asked for. */
interface AskedUpload {
  readonly input: NewUpload;
  readonly identity: CommandIdentity;
}

/** A creation can find that whatever kept it from being made has passed meanwhile only so many times. */
const ATTEMPTS_MAX = 5;

/**
 * UploadCatalogue.create: creates an upload with the request that made it, in one statement for those that come together. A
 * concurrent request of the same identity waits at the request's primary key and then finds it. No row comes back when the
 * request is known or the precondition fails. The request is checked first, so that a repeated request gets its first answer,
 * whatever happened to the file since. The statement locks the namespace as its foreign key does, and finds none that was deleted
 * meanwhile: an empty namespace is deleted, or an upload begins in it, but not both. What comes together waits for no namespace
 * that is being deleted: an upload in it gets a statement of its own, which waits. The use of an upload token is counted once the
 * request is known to be new; concurrent uses wait for one another at the token's row, and one too many takes the whole statement
 * back, so each has a statement of its own.
 */
export function createCreateUpload(pool: CommonQueryMethods): UploadCatalogue["create"] {
  const insertTogether = groupCalls(
    (asked: readonly AskedUpload[]) => insertUploads(pool, asked, TOGETHER),
    WRITE_LIMITS,
  );
  const insertAlone = groupCalls((asked: readonly AskedUpload[]) => insertUploads(pool, asked, ALONE), LONE_LIMITS);
  return async (input, identity) => {
    const asked = { input, identity };
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const insert = attempt === 1 ? insertTogether : insertAlone;
      const row = input.uploadToken === undefined ? await insert(asked) : await insertByToken(pool, asked);
      if (row !== undefined) return { upload: toUpload(row, undefined), created: true };
      const earlier = await findCreated(pool, identity);
      if (earlier !== undefined) return { upload: earlier, created: false };
      const refusal = await findReason(pool, input);
      if (refusal !== undefined) throw refusal;
    }
    throw new Error(`an upload to ${input.path} could not be created in ${ATTEMPTS_MAX} attempts`);
  };
}

/** Why an upload is not created; undefined when nothing keeps it from that any more. */
async function findReason(pool: CommonQueryMethods, input: NewUpload): Promise<DomainError | undefined> {
  if (!(await hasNamespace(pool, input.namespace))) return namespaceNotFound(input.namespace);
  if (await hasExpired(pool, input)) return uploadTokenExpired((input.uploadToken as UploadTokenUse).expireTime);
  const current = await readLiveGeneration(pool, input);
  const { ifGenerationMatch: wanted = current } = input;
  if (wanted !== current) return generationMismatch(input.path, wanted, current);
  return await findRefusal(pool, input, toWanted(input));
}

/** What the quotas must have room for. One byte when the size is not known: an upload of nothing is declared so. */
function toWanted({ sizeBytes = 1, copiedPath }: NewUpload) {
  return { storedBytes: sizeBytes, dayBytes: copiedPath === undefined ? sizeBytes : 0 };
}

/** UploadCatalogue.findCreated */
export async function findCreated(pool: CommonQueryMethods, identity: CommandIdentity): Promise<Upload | undefined> {
  const uploadId = await findEarlierSubject(pool, identity);
  return uploadId === undefined ? undefined : await loadUpload(pool, await readUploadRow(pool, uploadId));
}

/** The uploads that a statement is asked for, a row each; what is left out of one is null. */
function selectAsked(uploads: readonly AskedUpload[]) {
  const rows = uploads.map(({ input, identity }, place) => {
    const { storedBytes, dayBytes } = toWanted(input);
    const { uploadToken, firstWriter } = input;
    const { action, actor } = toDeed(identity);
    return {
      place,
      request_namespace: identity.namespace,
      request_principal: identity.principal,
      method: identity.method,
      request_id: identity.requestId,
      content_sha256: toByteaText(identity.contentSha256),
      upload_id: input.uploadId,
      namespace: input.namespace,
      path: input.path,
      principal: input.principal,
      copied_path: input.copiedPath,
      token_id: uploadToken?.tokenId,
      token_uploads_max: uploadToken?.uploadsMax,
      token_expire_time: uploadToken?.expireTime.toISOString(),
      stored_bytes: storedBytes,
      day_bytes: dayBytes,
      size_bytes: input.sizeBytes,
      size_max_bytes: input.sizeMaxBytes,
      part_size_bytes: input.partSizeBytes,
      content_type: input.contentType,
      metadata: input.metadata,
      labels: input.labels,
      data_subject: input.dataSubject,
      expected_crc32: input.expectedCrc32,
      expected_sha256: input.expectedSha256 && toByteaText(input.expectedSha256),
      compute_sha256: input.computeSha256,
      if_generation_match: input.ifGenerationMatch,
      bucket: input.bucket,
      region: input.region,
      s3_key: input.s3Key,
      expire_ms: Math.min(input.expireAfterMs, input.expireCapMs),
      expire_cap_ms: input.expireCapMs,
      epoch: firstWriter === undefined ? 0 : 1,
      put_attempt: firstWriter !== undefined && isOnePart(input) ? 1 : 0,
      instance: firstWriter?.instance,
      action,
      actor,
    };
  });
  return sql.fragment`
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS a (place integer, request_namespace text, request_principal text,
      method text, request_id uuid, content_sha256 bytea, upload_id uuid, namespace text, path text, principal text, copied_path text, token_id uuid,
      token_uploads_max integer, token_expire_time timestamptz, stored_bytes bigint, day_bytes bigint, size_bytes bigint,
      size_max_bytes bigint, part_size_bytes bigint, content_type text, metadata jsonb, labels jsonb, data_subject text,
      expected_crc32 bigint, expected_sha256 bytea, compute_sha256 boolean, if_generation_match bigint, bucket text, region text,
      s3_key text, expire_ms double precision, expire_cap_ms double precision, epoch bigint, put_attempt integer, instance text,
      action text, actor jsonb)`;
}

const roomOfAsked = quotaRoom({ namespace: sql.fragment`a.namespace`, principal: sql.fragment`a.principal` });

const enterCreated = enterRows(
  { action: sql.fragment`a.action`, ...toEnteredActor(sql.fragment`a.actor`) },
  { ...CHANGED_UPLOADS, from: sql.fragment`(changed c JOIN asked a ON a.upload_id = c.upload_id)` },
);

const createdRow = uploadRow.extend({ place: z.int() });

/** How uploads are created together, without waiting, and how one is created that may wait. */
const TOGETHER = { name: "create_uploads", wait: sql.fragment`SKIP LOCKED` };
const ALONE = { name: "create_upload", wait: sql.fragment`` };

/** The row of each upload; undefined for one that was not created. */
async function insertUploads(
  pool: CommonQueryMethods,
  uploads: readonly AskedUpload[],
  { name, wait }: typeof TOGETHER,
): Promise<(UploadRow | undefined)[]> {
  const rows = await pool.any(sql.prepared(name, createdRow)`
    WITH asked AS MATERIALIZED (
      ${selectAsked(uploads)}
    ), space AS MATERIALIZED (
      SELECT a.place FROM asked a JOIN namespace n ON n.name = a.namespace AND n.delete_time IS NULL FOR KEY SHARE OF n ${wait}
    ), allowed AS (
      SELECT a.* FROM asked a JOIN space s ON s.place = a.place CROSS JOIN LATERAL (${roomOfAsked}) q
      WHERE coalesce(q.stored_left >= a.stored_bytes, true) AND coalesce(q.day_left >= a.day_bytes, true)
        AND (a.if_generation_match IS NULL OR a.if_generation_match = coalesce((
          -- A range of paths, as in postgres/files/live-files.ts.
          SELECT f.generation FROM file f WHERE f.namespace = a.namespace AND f.path BETWEEN a.path AND a.path AND ${fileIsLive}
          ORDER BY f.path LIMIT 1), 0))
        AND (a.token_id IS NULL OR a.token_expire_time > now())
    ), requested AS (
      INSERT INTO request (namespace, principal, method, request_id, content_sha256, subject_id)
      SELECT a.request_namespace, a.request_principal, a.method, a.request_id, a.content_sha256, a.upload_id FROM allowed a
      -- In one order everywhere: statements that have ids in common do not wait for each other in a circle.
      ORDER BY a.request_namespace, a.request_principal COLLATE "C", a.method COLLATE "C", a.request_id
      ON CONFLICT DO NOTHING
      RETURNING subject_id
    ), used AS (
      INSERT INTO upload_token AS t (token_id, uploads, uploads_max, expire_time)
      SELECT a.token_id, 1, a.token_uploads_max, a.token_expire_time
      FROM requested r JOIN asked a ON a.upload_id = r.subject_id WHERE a.token_id IS NOT NULL
      ON CONFLICT (token_id) DO UPDATE SET uploads = t.uploads + 1
    ), changed AS (
      INSERT INTO upload AS u (
        upload_id, namespace, path, principal, copied_path, upload_token_id, size_bytes, size_max_bytes, part_size_bytes,
        content_type, metadata, labels, data_subject, expected_crc32, expected_sha256, compute_sha256, if_generation_match, bucket, region, s3_key,
        expire_time, expire_cap_time, epoch, put_attempt
      )
      SELECT a.upload_id, a.namespace, a.path, a.principal, a.copied_path, a.token_id, a.size_bytes, a.size_max_bytes, a.part_size_bytes,
        a.content_type, a.metadata, a.labels, a.data_subject, a.expected_crc32, a.expected_sha256, a.compute_sha256, a.if_generation_match,
        a.bucket, a.region, a.s3_key,
        now() + a.expire_ms * interval '1 millisecond', now() + a.expire_cap_ms * interval '1 millisecond', a.epoch, a.put_attempt
      FROM requested r JOIN asked a ON a.upload_id = r.subject_id
      RETURNING ${uploadColumns}
    ), begun AS (
      INSERT INTO writer (upload_id, epoch, range_start, range_end, instance)
      SELECT c.upload_id, c.epoch, 0, NULL, a.instance FROM changed c JOIN asked a ON a.upload_id = c.upload_id WHERE c.epoch > 0
    ), ${enterCreated}
    SELECT c.*, a.place FROM changed c JOIN asked a ON a.upload_id = c.upload_id`);
  const created = new Map(rows.map((row) => [row.place, row]));
  return uploads.map((__, place) => created.get(place));
}

async function insertByToken(pool: CommonQueryMethods, asked: AskedUpload): Promise<UploadRow | undefined> {
  try {
    return (await insertUploads(pool, [asked], ALONE))[0];
  } catch (error) {
    if (!violates(error, "upload_token_used_up")) throw error;
    // A repeated request is answered before its token is counted: this one is new.
    throw uploadTokenUsedUp((asked.input.uploadToken as UploadTokenUse).uploadsMax);
  }
}

type UploadTokenUse = NonNullable<NewUpload["uploadToken"]>;

async function hasExpired(pool: CommonQueryMethods, { uploadToken }: NewUpload): Promise<boolean> {
  if (uploadToken === undefined) return false;
  return await pool.exists(sql.unsafe`SELECT 1 WHERE ${uploadToken.expireTime.toISOString()}::timestamptz <= now()`);
}

async function hasNamespace(pool: CommonQueryMethods, name: string): Promise<boolean> {
  return await pool.exists(sql.unsafe`SELECT 1 FROM namespace n WHERE n.name = ${name} AND n.delete_time IS NULL`);
}

const generationRow = z.object({ generation: z.int() });

/** The generation of the live file at a path, 0 when there is none. */
export async function readLiveGeneration(
  pool: CommonQueryMethods,
  at: { namespace: string; path: string },
): Promise<number> {
  return await pool.oneFirst(sql.type(generationRow)`
    SELECT coalesce(max(f.generation), 0) AS generation FROM file f
    WHERE f.namespace = ${at.namespace} AND f.path = ${at.path} AND ${fileIsLive}`);
}
