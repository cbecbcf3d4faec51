import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { uploadNotFound } from "../../domain/repository-refusals.ts";
import type { UploadRecord, UploadRepository } from "../../domain/uploads/upload-repository.ts";
import { atBorder, type BorderLimits } from "../pool/errors.ts";
import { noteRequest } from "../rows/request-rows.ts";
import { loadUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";
import { beginPart } from "./begin-part.ts";
import { beginWriter } from "./begin-writer.ts";
import { createUpload, findCreated } from "./create-upload.ts";
import { judgeKeys, judgeMultiparts } from "./orphan-verdicts.ts";
import { adoptParts, claimPresigned } from "./presigned-parts.ts";
import { commitUpload } from "./upload-commit.ts";
import {
  abort,
  assemble,
  beginCompletion,
  markLost,
  noteCommit,
  noteFailure,
  noteMissing,
  reopen,
  setSha256,
} from "./upload-states.ts";
import { listStatus, noteReceived, receivedBytes, uploadWithDurable } from "./upload-status.ts";
import { expireDue, listStuck, listUncleaned, markCleaned } from "./upload-sweep.ts";
import { beginPutAttempt, claimParts, heartbeat, recordParts, seal, setMultipartId } from "./upload-writer.ts";

/** Uploads in PostgreSQL. Each method is one statement where it changes something, and holds nothing between calls. */
export function createUploadRepository(pool: DatabasePool, limits: Partial<BorderLimits> = {}): UploadRepository {
  const repository: UploadRepository = {
    create: (input, identity) => createUpload(pool, input, identity),
    findCreated: (identity) => findCreated(pool, identity),
    noteRequest: (identity, target) => noteRequest(pool, identity, target),
    get: (namespace, uploadId) => getUpload(pool, namespace, uploadId),
    listStatus: (uploadIds) => listStatus(pool, uploadIds),
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
    seal: (uploadId, sizeBytes, options) => seal(pool, { uploadId, sizeBytes }, options),
    beginCompletion: (uploadId, options) => beginCompletion(pool, uploadId, options),
    reopen: (uploadId, lostPartNumbers) => reopen(pool, uploadId, lostPartNumbers),
    markLost: (uploadId, epoch) => markLost(pool, uploadId, epoch),
    noteMissing: (uploadId, options) => noteMissing(pool, uploadId, options),
    assemble: (uploadId, object, options) => assemble(pool, { uploadId, object }, options),
    noteCommit: (uploadId, wish) => noteCommit(pool, uploadId, wish),
    noteFailure: (uploadId, failure) => noteFailure(pool, uploadId, failure),
    setSha256: (uploadId, sha256) => setSha256(pool, uploadId, sha256),
    commit: (uploadId, options) => commitUpload(pool, uploadId, options),
    abort: (namespace, uploadId) => abort(pool, namespace, uploadId),
    expireDue: (namespace, limit) => expireDue(pool, namespace, limit),
    listStuck: (namespace, options) => listStuck(pool, namespace, options),
    listUncleaned: (namespace, paging) => listUncleaned(pool, namespace, paging),
    markCleaned: (uploadId) => markCleaned(pool, uploadId),
    judgeMultiparts: (bucket, multiparts, terms) => judgeMultiparts(pool, { bucket, multiparts }, terms),
    judgeKeys: (bucket, keys, terms) => judgeKeys(pool, { bucket, keys }, terms),
  };
  return atBorder<UploadRepository>(repository, limits);
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
