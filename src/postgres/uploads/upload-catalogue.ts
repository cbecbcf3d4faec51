import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { Actor } from "../../domain/deed.ts";
import { uploadNotFound, uploadNotOpen } from "../../domain/repository-refusals.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { UploadCatalogue, UploadRecord } from "../../domain/uploads/upload-catalogue.ts";
import { CHANGED_UPLOADS, enterDeed } from "../rows/journal-rows.ts";
import { noteRequest } from "../rows/request-rows.ts";
import { loadUpload, readUploadRow, toUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { createCreateUpload, findCreated } from "./create-upload.ts";
import { listStatus, receivedBytes, uploadWithDurable } from "./upload-status.ts";
import { enterToken, forgetTokens } from "./upload-tokens.ts";

/** The catalogue of uploads in PostgreSQL; each method changes something by one statement, or nothing. */
export function createUploadCatalogue(pool: DatabasePool): UploadCatalogue {
  return {
    create: createCreateUpload(pool),
    findCreated: (identity) => findCreated(pool, identity),
    noteRequest: (identity, target) => noteRequest(pool, identity, target),
    get: (namespace, uploadId) => getUpload(pool, namespace, uploadId),
    listStatus: (uploadIds) => listStatus(pool, uploadIds),
    enterToken: (token, options) => enterToken(pool, token, options),
    forgetTokens: (options) => forgetTokens(pool, options),
    abort: (namespace, uploadId, actor) => abort(pool, { namespace, uploadId }, actor),
  };
}

const statusRow = uploadRow.extend({
  received_bytes: z.int(),
  parts: z.array(z.tuple([z.int(), z.int(), z.int(), z.string()])),
  outstanding: z.array(z.tuple([z.int(), z.int(), z.int(), z.int()])),
});

/** Upload and parts as of one moment, the parts as one JSON value: 10,000 rows would cost ten times as much. */
async function getUpload(pool: DatabasePool, namespace: string, uploadId: string): Promise<UploadRecord> {
  const row = await pool.maybeOne(sql.prepared("get_upload", statusRow)`
    SELECT ${uploadColumns},
      ${receivedBytes} AS received_bytes,
      coalesce((
        SELECT json_agg(json_build_array(p.part_number, p.length_bytes, p.crc32, p.etag) ORDER BY p.part_number)
        FROM part p WHERE p.upload_id = u.upload_id AND p.state = 'durable'
      ), '[]') AS parts,
      coalesce((
        SELECT json_agg(json_build_array(p.part_number, p.length_bytes, p.crc32, p.epoch) ORDER BY p.part_number)
        FROM part p JOIN writer w ON w.upload_id = p.upload_id AND w.epoch = p.epoch
        WHERE p.upload_id = u.upload_id AND p.state = 'claimed' AND p.source = 'presigned' AND u.state = 'open'
      ), '[]') AS outstanding
    FROM ${uploadWithDurable} WHERE u.upload_id = ${uploadId} AND u.namespace = ${namespace}`);
  if (row === null) throw uploadNotFound(uploadId);
  const parts = row.parts.map(([partNumber, lengthBytes, crc32, etag]) => ({ partNumber, lengthBytes, crc32, etag }));
  const outstanding = row.outstanding.map(([partNumber, lengthBytes, crc32, epoch]) => {
    return { partNumber, lengthBytes, crc32, epoch };
  });
  return { upload: await loadUpload(pool, row), parts, receivedBytes: row.received_bytes, outstanding };
}

/** open | failed -> aborted. */
async function abort(
  pool: CommonQueryMethods,
  { namespace, uploadId }: { namespace: string; uploadId: string },
  actor: Actor,
): Promise<Upload> {
  const row = await pool.maybeOne(sql.type(uploadRow)`
    WITH changed AS (
      UPDATE upload u SET state = 'aborted', state_time = now()
      WHERE u.upload_id = ${uploadId} AND u.namespace = ${namespace}
        AND (u.state = 'open' OR (u.state IN ('completing', 'assembled') AND u.failure_reason IS NOT NULL))
      RETURNING ${uploadColumns}
    ), ${enterDeed({ action: "AbortUpload", actor }, CHANGED_UPLOADS)}
    SELECT * FROM changed`);
  if (row !== null) return toUpload(row, undefined);
  const found = await readUploadRow(pool, uploadId);
  if (found.namespace !== namespace) throw uploadNotFound(uploadId);
  if (found.state !== "aborted") throw uploadNotOpen(uploadId, found.state);
  return toUpload(found, undefined);
}
