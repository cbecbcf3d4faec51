import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { type CommandIdentity, toDeed } from "../../domain/command-identity.ts";
import {
  generationMismatch,
  namespaceNotFound,
  uploadTokenExpired,
  uploadTokenUsedUp,
} from "../../domain/repository-refusals.ts";
import { isOnePart } from "../../domain/uploads/part-plan.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { NewUpload } from "../../domain/uploads/upload-catalogue.ts";
import { violates } from "../pool/errors.ts";
import { toBytea, toInterval } from "../pool/sql-values.ts";
import { fileIsLive } from "../rows/file-rows.ts";
import { CHANGED_UPLOADS, enterDeed } from "../rows/journal-rows.ts";
import { findEarlierSubject, insertRequest } from "../rows/request-rows.ts";
import { loadUpload, readUploadRow, toUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { findRefusal, quotaRoom } from "../rows/usage-rows.ts";

/**
 * Creates an upload with the request that made it, in one statement: a concurrent request of the same identity waits at the
 * request's primary key and then finds it. No row comes back when the request is known or the precondition fails. The
 * request is checked first, so that a repeated request gets its first answer, whatever happened to the file since. The
 * statement locks the namespace as its foreign key does, and finds none that was deleted meanwhile: an empty namespace is
 * deleted, or an upload begins in it, but not both. The use of an upload token is counted once the request is known to be new;
 * concurrent uses wait for one another at the token's row, and one too many takes the whole statement back.
 */
export async function createUpload(
  pool: CommonQueryMethods,
  input: NewUpload,
  identity: CommandIdentity,
): Promise<{ upload: Upload; created: boolean }> {
  const row = await insertUpload(pool, input, identity);
  if (row !== null) return { upload: toUpload(row, undefined), created: true };
  const earlier = await findCreated(pool, identity);
  if (earlier !== undefined) return { upload: earlier, created: false };
  if (!(await hasNamespace(pool, input.namespace))) throw namespaceNotFound(input.namespace);
  if (await hasExpired(pool, input)) throw uploadTokenExpired((input.uploadToken as UploadTokenUse).expireTime);
  const current = await readLiveGeneration(pool, input);
  const { ifGenerationMatch: wanted = current } = input;
  if (wanted !== current) throw generationMismatch(input.path, wanted, current);
  const refusal = await findRefusal(pool, input, toWanted(input));
  if (refusal !== undefined) throw refusal;
  // What was in the way has passed.
  return await createUpload(pool, input, identity);
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

const roomOfSpace = quotaRoom({ namespace: sql.fragment`space.name`, principal: sql.fragment`space.principal` });

async function insertUpload(pool: CommonQueryMethods, input: NewUpload, identity: CommandIdentity) {
  const wanted = input.ifGenerationMatch ?? null;
  const { storedBytes, dayBytes } = toWanted(input);
  const { uploadToken, firstWriter } = input;
  const tokenId = uploadToken?.tokenId ?? null;
  const tokenExpireTime = uploadToken?.expireTime.toISOString() ?? null;
  const statement = sql.prepared("create_upload", uploadRow)`
    WITH space AS (
      SELECT n.name, ${input.principal} AS principal FROM namespace n WHERE n.name = ${input.namespace} AND n.delete_time IS NULL FOR KEY SHARE
    ), live AS (
      SELECT coalesce(max(f.generation), 0) AS generation FROM file f
      WHERE f.namespace = ${input.namespace} AND f.path = ${input.path} AND ${fileIsLive}
    ), room AS (
      SELECT q.* FROM space CROSS JOIN LATERAL (${roomOfSpace}) q
    ), requested AS (
      ${insertRequest(identity, sql.fragment`${input.uploadId}::uuid`)}
      FROM live, room r
      WHERE coalesce(r.stored_left >= ${storedBytes}::bigint, true) AND coalesce(r.day_left >= ${dayBytes}::bigint, true)
        AND (${wanted}::bigint IS NULL OR live.generation = ${wanted}::bigint)
        AND (${tokenId}::uuid IS NULL OR ${tokenExpireTime}::timestamptz > now())
      ON CONFLICT DO NOTHING
      RETURNING subject_id
    ), used AS (
      INSERT INTO upload_token AS t (token_id, uploads, uploads_max, expire_time)
      SELECT ${tokenId}::uuid, 1, ${uploadToken?.uploadsMax ?? null}::integer, ${tokenExpireTime}::timestamptz
      FROM requested WHERE ${tokenId}::uuid IS NOT NULL
      ON CONFLICT (token_id) DO UPDATE SET uploads = t.uploads + 1
    ), changed AS (
    INSERT INTO upload AS u (
      upload_id, namespace, path, principal, copied_path, upload_token_id, size_bytes, size_max_bytes, part_size_bytes,
      content_type, metadata, labels, data_subject, expected_crc32, expected_sha256, compute_sha256, if_generation_match, bucket, region, s3_key,
      expire_time, expire_cap_time, epoch, put_attempt
    )
    SELECT subject_id, ${input.namespace}, ${input.path}, ${input.principal},
      ${input.copiedPath ?? null}, ${tokenId}::uuid, ${input.sizeBytes ?? null}::bigint,
      ${input.sizeMaxBytes ?? null}::bigint, ${input.partSizeBytes}::bigint, ${input.contentType}, ${JSON.stringify(input.metadata)}::jsonb,
      ${JSON.stringify(input.labels)}::jsonb, ${input.dataSubject},
      ${input.expectedCrc32 ?? null}::bigint, ${toBytea(input.expectedSha256)},
      ${input.computeSha256}::boolean, ${wanted}::bigint, ${input.bucket}, ${input.region}, ${input.s3Key},
      now() + ${toInterval(Math.min(input.expireAfterMs, input.expireCapMs))}, now() + ${toInterval(input.expireCapMs)},
      ${firstWriter === undefined ? 0 : 1}::integer, ${firstWriter !== undefined && isOnePart(input) ? 1 : 0}::integer
    FROM requested
    RETURNING ${uploadColumns}
    ), begun AS (
      INSERT INTO writer (upload_id, epoch, range_start, range_end, instance)
      SELECT c.upload_id, c.epoch, 0, NULL, ${firstWriter?.instance ?? null}::text FROM changed c WHERE c.epoch > 0
    ), ${enterDeed(toDeed(identity), CHANGED_UPLOADS)}
    SELECT * FROM changed`;
  try {
    return await pool.maybeOne(statement);
  } catch (error) {
    if (uploadToken === undefined || !violates(error, "upload_token_used_up")) throw error;
    // A repeated request is answered before its token is counted: this one is new.
    throw uploadTokenUsedUp(uploadToken.uploadsMax);
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
