import { v7 as uuidv7 } from "uuid";
import type { Caller } from "../domain/caller.ts";
import { parseUuid } from "../domain/command-identity.ts";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/file.ts";
import { requireNamespace } from "../domain/namespace.ts";
import type { AssembledObject, DurablePart, Upload } from "../domain/upload.ts";
import { assertSha256 } from "./create-upload.ts";
import { toHex } from "./part-in-flight.ts";
import { readSha256 } from "./read-sha256.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";
import { assertCovered, combineParts, type WrittenBytes } from "./upload-writer.ts";

/** What the caller of a commit declares; compared before anything is committed. */
export interface CommitDeclaration {
  sizeBytes?: number | undefined;
  crc32?: number | undefined;
  sha256?: Uint8Array | undefined;
  ifGenerationMatch?: number | undefined;
}

/** A request to commit an upload whose bytes are durable. */
export interface CompleteUploadRequest extends CommitDeclaration {
  requestId: string;
  namespace: string;
  uploadId: string;
}

/**
 * Commits an upload, from wherever it stands: what an earlier call, or a process that died, has begun is taken up.
 * Completing twice returns the same file. Errors: `failed_precondition / UPLOAD_INCOMPLETE`, `UPLOAD_NOT_OPEN` and
 * `GENERATION_MISMATCH` (the upload stays assembled: call again with another precondition), `aborted /
 * CHECKSUM_MISMATCH` and `UPLOAD_LOST`, `unavailable`.
 */
export async function completeUpload(
  access: UploadAccess,
  request: CompleteUploadRequest,
  _options: { caller: Caller },
): Promise<File> {
  parseUuid(request.requestId, "request_id", "REQUEST_ID_INVALID");
  requireNamespace(access.namespaces, request.namespace);
  assertSha256(request.sha256);
  const uploadId = parseUuid(request.uploadId, "upload_id");
  const { upload, parts } = await withDatabase(access, () => access.uploads.get(request.namespace, uploadId));
  return await commitUpload(access, upload, { parts, declared: request });
}

/**
 * Drives an upload from its state to `committed`, one compare-and-set after the other; each step can be repeated, so
 * any replica can go on where another stopped.
 */
export async function commitUpload(
  access: UploadAccess,
  upload: Upload,
  options: { parts: readonly DurablePart[]; declared: CommitDeclaration },
): Promise<File> {
  const { declared, parts } = options;
  switch (upload.state) {
    case "committed":
      assertDeclared(upload.object, declared);
      return upload.file as File;
    case "open": {
      const sizeBytes =
        upload.sizeBytes ?? declared.sizeBytes ?? parts.reduce((sum, part) => sum + part.lengthBytes, 0);
      assertDeclared({ sizeBytes, crc32: combineParts(parts) }, declared);
      assertCovered(parts, { sizeBytes, partSizeBytes: upload.partSizeBytes });
      if (sizeBytes === 0) throw toIncomplete("no bytes were sent; finish the stream to make an empty file");
      const completing = await freeze(access, upload, { sizeBytes, parts, declared });
      return await commitUpload(access, completing, options);
    }
    case "completing":
      return await commitUpload(access, await assemble(access, upload, parts), options);
    case "assembled": {
      const object = upload.object as AssembledObject;
      assertDeclared(object, declared);
      await assertSha256OfObject(access, upload, declared);
      return await commit(access, upload, { declared });
    }
    case "aborted":
    case "expired":
      throw new DomainError("failed_precondition", `the upload was ${upload.state}; begin a new one`, {
        reason: "UPLOAD_NOT_OPEN",
        details: { state: upload.state },
      });
  }
}

/** Commits what a writer has just finished: the usual way, without reading back what the writer knows. */
export async function commitWritten(
  access: UploadAccess,
  upload: Upload,
  options: { written: WrittenBytes; declared: CommitDeclaration; commit: boolean },
): Promise<File | undefined> {
  const { written, declared } = options;
  assertDeclared(written, { crc32: upload.expectedCrc32 });
  assertDeclared(written, declared);
  const expectedSha256 = declared.sha256 ?? upload.expectedSha256;
  if (written.sha256 !== undefined) assertSameSha256(written.sha256, expectedSha256);
  if (written.put === undefined) {
    const { sizeBytes, parts } = written;
    if (!options.commit) {
      await withDatabase(access, () => access.uploads.seal(upload.uploadId, sizeBytes));
      return undefined;
    }
    const completing = await freeze(access, upload, { sizeBytes, parts, declared });
    const assembled = await assemble(access, completing, parts);
    return await commitAssembled(access, assembled, { sha256: written.sha256, declared });
  }
  const object = { ...written.put, sha256: written.sha256 };
  const needsReadBack = written.sha256 === undefined && (upload.computeSha256 || expectedSha256 !== undefined);
  if (options.commit && !needsReadBack) return await commit(access, upload, { declared, object });
  const assembled = await withDatabase(access, () => access.uploads.assemble(upload.uploadId, object));
  return options.commit ? await commitAssembled(access, assembled, { sha256: undefined, declared }) : undefined;
}

async function commitAssembled(
  access: UploadAccess,
  upload: Upload,
  options: { sha256: Uint8Array | undefined; declared: CommitDeclaration },
): Promise<File> {
  const { sha256, declared } = options;
  if (sha256 !== undefined) await withDatabase(access, () => access.uploads.setSha256(upload.uploadId, sha256));
  else await assertSha256OfObject(access, upload, declared);
  return await commit(access, upload, { declared });
}

/** open -> completing: the size and the manifest stand. */
async function freeze(
  access: UploadAccess,
  upload: Upload,
  options: { sizeBytes: number; parts: readonly DurablePart[]; declared: CommitDeclaration },
): Promise<Upload> {
  const { sizeBytes, parts, declared } = options;
  const { uploadId } = upload;
  if (upload.sizeBytes === undefined) await withDatabase(access, () => access.uploads.seal(uploadId, sizeBytes));
  return await withDatabase(access, () =>
    access.uploads.beginCompletion(uploadId, {
      crc32: combineParts(parts),
      ...(declared.ifGenerationMatch !== undefined && { ifGenerationMatch: declared.ifGenerationMatch }),
      ...(declared.sha256 !== undefined && { expectedSha256: declared.sha256 }),
    }),
  );
}

/** completing -> assembled: S3 makes the object, and checks its CRC32. */
async function assemble(access: UploadAccess, upload: Upload, parts: readonly DurablePart[]): Promise<Upload> {
  const { bucket, s3Key: key, uploadId } = upload;
  const target = { bucket, key, multipartId: upload.multipartId as string };
  const sizeBytes = upload.sizeBytes as number;
  const crc32 = combineParts(parts);
  try {
    const head = await access.objects.completeMultipart(target, { parts, crc32, sizeBytes });
    const object = { key, versionId: head.versionId, etag: head.etag, sizeBytes, crc32, sha256: undefined };
    return await withDatabase(access, () => access.uploads.assemble(uploadId, object));
  } catch (error) {
    if (error instanceof DomainError && error.reason === "UPLOAD_LOST") {
      await withDatabase(access, () => access.uploads.markLost(uploadId));
    }
    if (error instanceof DomainError && error.reason === "CHECKSUM_MISMATCH") {
      const actual = new Map((await access.objects.listParts(target))?.map((part) => [part.partNumber, part.etag]));
      const lost = parts.filter((part) => actual.get(part.partNumber) !== part.etag).map((part) => part.partNumber);
      await withDatabase(access, () => access.uploads.reopen(uploadId, lost));
      throw error.withDetails({ lost_parts: lost.length });
    }
    throw error;
  }
}

async function commit(
  access: UploadAccess,
  upload: Upload,
  options: { declared: CommitDeclaration; object?: AssembledObject },
): Promise<File> {
  const namespace = requireNamespace(access.namespaces, upload.namespace);
  const { declared, object } = options;
  const fileId = uuidv7();
  const outcome = await withDatabase(access, () =>
    access.uploads.commit(upload.uploadId, {
      fileId,
      retentionMs: namespace.retentionMs,
      ...(object !== undefined && { object }),
      ...(declared.ifGenerationMatch !== undefined && { ifGenerationMatch: declared.ifGenerationMatch }),
    }),
  );
  if (outcome.kind === "committed") return outcome.upload.file as File;
  const wanted = declared.ifGenerationMatch ?? upload.ifGenerationMatch ?? 0;
  const message = `the path's generation is ${outcome.currentGeneration}; the precondition wants ${wanted}. The bytes are kept: complete the upload again with another precondition`;
  throw new DomainError("failed_precondition", message, {
    reason: "GENERATION_MISMATCH",
    field: "if_generation_match",
    details: { current_generation: outcome.currentGeneration, if_generation_match: wanted },
  });
}

/** Reads the object back where a SHA-256 is wanted that no stream computed. */
async function assertSha256OfObject(access: UploadAccess, upload: Upload, declared: CommitDeclaration): Promise<void> {
  const expected = declared.sha256 ?? upload.expectedSha256;
  const object = upload.object as AssembledObject;
  if (object.sha256 !== undefined) return assertSameSha256(object.sha256, expected);
  if (!upload.computeSha256 && expected === undefined) return;
  const sha256 = await readSha256(access.objects, upload.bucket, object);
  assertSameSha256(sha256, expected);
  await withDatabase(access, () => access.uploads.setSha256(upload.uploadId, sha256));
}

function assertSameSha256(actual: Uint8Array, expected: Uint8Array | undefined): void {
  if (expected === undefined || Buffer.from(actual).equals(expected)) return;
  const hex = { sha256: Buffer.from(actual).toString("hex"), expected_sha256: Buffer.from(expected).toString("hex") };
  throw new DomainError("aborted", `the bytes have SHA-256 ${hex.sha256}; ${hex.expected_sha256} was declared`, {
    reason: "CHECKSUM_MISMATCH",
    field: "sha256",
    details: hex,
  });
}

function assertDeclared(
  actual: { sizeBytes: number; crc32: number } | undefined,
  declared: Pick<CommitDeclaration, "sizeBytes" | "crc32">,
): void {
  if (actual === undefined) return;
  if (declared.sizeBytes !== undefined && declared.sizeBytes !== actual.sizeBytes) {
    const message = `the upload has ${actual.sizeBytes} bytes; ${declared.sizeBytes} were declared`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_MISMATCH",
      field: "size_bytes",
      details: { size_bytes: actual.sizeBytes, declared_size_bytes: declared.sizeBytes },
    });
  }
  if (declared.crc32 !== undefined && declared.crc32 !== actual.crc32) {
    const hex = { crc32: toHex(actual.crc32), expected_crc32: toHex(declared.crc32) };
    throw new DomainError("aborted", `the bytes have CRC32 ${hex.crc32}; ${hex.expected_crc32} was declared`, {
      reason: "CHECKSUM_MISMATCH",
      field: "crc32",
      details: hex,
    });
  }
}

function toIncomplete(message: string): DomainError {
  return new DomainError("failed_precondition", message, { reason: "UPLOAD_INCOMPLETE" });
}
