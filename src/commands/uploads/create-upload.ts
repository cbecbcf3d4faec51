import { createHash } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { toPrecondition } from "../../domain/access/upload-token.ts";
import type { Caller, UploadToken } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { type FileDescription, parseFileDescription } from "../../domain/files/file-description.ts";
import { parseNewFilePath } from "../../domain/files/file-path.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import { requireResident } from "../../domain/residency.ts";
import { choosePartSize } from "../../domain/uploads/part-plan.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { NewUpload } from "../../domain/uploads/upload-catalogue.ts";
import type { UnfinishedUploads } from "./unfinished-uploads.ts";
import type { UploadAccess } from "./upload-access.ts";

/** The caller's description of a file to be; sizes in bytes. */
export interface CreateUploadRequest extends FileDescription {
  requestId: string;
  namespace: string;
  path: string;
  sizeBytes?: number | undefined;
  sizeHintBytes?: number | undefined;
  crc32?: number | undefined;
  sha256?: Uint8Array | undefined;
  computeSha256: boolean;
  ifGenerationMatch?: number | undefined;
}

/** What creating uploads works with beside the catalogue. */
export interface CreateAccess {
  unfinished: UnfinishedUploads;
}

/**
 * Opens an upload, with its first writer where one is named, or returns the one that the same request id opened before (`created`
 * false). Errors: `invalid_argument` with the field, `not_found / NAMESPACE_NOT_FOUND`, `failed_precondition / GENERATION_MISMATCH`,
 * `RESIDENCY_VIOLATION`, `resource_exhausted / OVERLOADED` while too many uploads are unfinished. Of a caller with an upload
 * token also `permission_denied` for a precondition, `failed_precondition / UPLOAD_TOKEN_USED_UP` and `unauthenticated / TOKEN_EXPIRED`.
 */
export async function createUpload(
  access: UploadAccess<"catalogue"> & CreateAccess,
  request: CreateUploadRequest,
  options: { caller: Caller; firstWriter?: NewUpload["firstWriter"] },
): Promise<{ upload: Upload; created: boolean }> {
  const namespace = requireResident(access, request.namespace);
  const path = parseNewFilePath(request.path);
  assertSize(request.sizeBytes, "size_bytes", namespace);
  assertSize(request.sizeHintBytes, "size_hint_bytes", namespace);
  const { uploadToken } = options.caller;
  assertTokenSize(request.sizeBytes, uploadToken);
  const description = parseFileDescription(request);
  assertSha256(request.sha256);
  assertGeneration(request.ifGenerationMatch);
  const ifGenerationMatch = toPrecondition(options.caller, request.ifGenerationMatch);
  const uploadId = uuidv7();
  const identity = toCommandIdentity(options.caller, "CreateUpload", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [
      path,
      request.sizeBytes,
      request.sizeHintBytes,
      request.contentType,
      request.metadata,
      request.labels,
      request.dataSubject,
      request.crc32,
      request.sha256,
      request.computeSha256,
      ifGenerationMatch,
    ],
  });
  try {
    await access.unfinished.admit(options.caller.principal);
  } catch (error) {
    // A repeated request creates nothing, and its caller may need the answer to end the upload.
    const earlier = await access.uploads.catalogue.findCreated(identity);
    if (earlier === undefined) throw error;
    return { upload: earlier, created: false };
  }
  return await access.uploads.catalogue.create(
    {
      uploadId,
      namespace: namespace.name,
      path,
      principal: options.caller.principal,
      sizeBytes: request.sizeBytes,
      sizeMaxBytes: uploadToken?.sizeMaxBytes,
      partSizeBytes: choosePartSize(access.limits, {
        sizeBytes: request.sizeBytes,
        sizeHintBytes: request.sizeHintBytes,
      }),
      ...description,
      expectedCrc32: request.crc32,
      expectedSha256: request.sha256,
      computeSha256: request.computeSha256 || request.sha256 !== undefined,
      ifGenerationMatch,
      bucket: namespace.bucket,
      region: namespace.region,
      s3Key: toObjectKey(namespace, uploadId),
      expireAfterMs: access.limits.expireAfterMs,
      expireCapMs: access.limits.expireCapMs,
      firstWriter: options.firstWriter,
      uploadToken,
    },
    identity,
  );
}

/** Unique and never reused; the hash spreads keys over S3's partitions. */
export function toObjectKey(namespace: Namespace, uploadId: string): string {
  const spread = createHash("sha256").update(uploadId).digest("hex").slice(0, 2);
  return `${namespace.keyPrefix}${spread}/${uploadId}`;
}

function assertSize(
  sizeBytes: number | undefined,
  field: "size_bytes" | "size_hint_bytes",
  namespace: Namespace,
): void {
  if (sizeBytes === undefined) return;
  if (sizeBytes < 0) {
    throw new DomainError("invalid_argument", `${field} is ${sizeBytes}; give 0 or more, or leave it unset`, {
      reason: "SIZE_INVALID",
      field,
      details: { size_bytes: sizeBytes, size_bytes_min: 0 },
    });
  }
  if (sizeBytes > namespace.fileSizeMaxBytes) {
    const message = `${field} is ${sizeBytes}; the limit of namespace ${namespace.name} is ${namespace.fileSizeMaxBytes} bytes`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_LIMIT",
      field,
      details: { size_bytes: sizeBytes, size_bytes_max: namespace.fileSizeMaxBytes },
    });
  }
}

function assertGeneration(ifGenerationMatch: number | undefined): void {
  if (ifGenerationMatch !== undefined && ifGenerationMatch < 0) {
    throw invalidArgument("if_generation_match", "if_generation_match is negative; 0 means that no file may exist");
  }
}

function assertTokenSize(sizeBytes: number | undefined, token: UploadToken | undefined): void {
  if (sizeBytes === undefined || token === undefined || sizeBytes <= token.sizeMaxBytes) return;
  const message = `size_bytes is ${sizeBytes}; this upload token takes files of at most ${token.sizeMaxBytes} bytes`;
  throw new DomainError("invalid_argument", message, {
    reason: "SIZE_LIMIT",
    field: "size_bytes",
    details: { size_bytes: sizeBytes, size_bytes_max: token.sizeMaxBytes },
  });
}

/** A SHA-256 has 32 bytes; `invalid_argument` otherwise. */
export function assertSha256(sha256: Uint8Array | undefined): void {
  if (sha256 !== undefined && sha256.length !== 32) {
    throw invalidArgument("sha256", `sha256 has ${sha256.length} bytes; a SHA-256 has 32`);
  }
}
