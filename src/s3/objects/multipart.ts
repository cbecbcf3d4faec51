import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, ListPartsCommand } from "@aws-sdk/client-s3";
import { DomainError } from "../../domain/errors.ts";
import type { ObjectHead, PartTarget } from "../../domain/object-store.ts";
import type { DurablePart } from "../../domain/uploads/upload.ts";
import { retryS3, type S3Access, sendOnce } from "../access.ts";
import { toDomainError, toS3Answer, toS3Failure } from "../errors.ts";
import { unquote } from "../head-object.ts";
import { fromBase64Crc32, toBase64Crc32 } from "../requests/streamed-body.ts";
import { findStored } from "../stored-checksum.ts";

type Target = Omit<PartTarget, "partNumber">;

/** When a caller should ask again whether S3 has assembled, in milliseconds. Large objects take seconds to minutes. */
const ASSEMBLING_RETRY_MS = 5000;

/** Complete was answered NoSuchUpload and there is no object: S3 may still be assembling, so it is asked again. */
class NotAssembledYet extends Error {
  override readonly name = "OperationAborted";
}

/**
 * Completes a multipart upload until the outcome is certain. Certain is a 200 with a good body (the SDK turns a 200 that
 * carries an error into that error). NoSuchUpload is certain, too, when a HEAD then shows these bytes: an earlier try may
 * have worked although its answer was lost. When the HEAD shows nothing, the outcome stays open: unavailable.
 */
export async function completeMultipart(
  access: S3Access,
  target: Target,
  manifest: { parts: readonly DurablePart[]; crc32: number; sizeBytes: number },
  options: { signal?: AbortSignal },
): Promise<ObjectHead> {
  const command = new CompleteMultipartUploadCommand({
    Bucket: target.bucket,
    Key: target.key,
    UploadId: target.multipartId,
    MultipartUpload: {
      Parts: manifest.parts.map((part) => ({
        PartNumber: part.partNumber,
        ETag: `"${part.etag}"`,
        ChecksumCRC32: toBase64Crc32(part.crc32),
      })),
    },
    ChecksumType: "FULL_OBJECT",
    ChecksumCRC32: toBase64Crc32(manifest.crc32),
    MpuObjectSize: manifest.sizeBytes,
  });
  try {
    return await retryS3(
      access,
      () => completeOnce(access, target, { manifest, command, signal: options.signal }),
      options,
    );
  } catch (error) {
    if (options.signal?.aborted === true) throw options.signal.reason;
    const answer = toS3Answer(error);
    if (answer !== undefined) access.watcher?.onRefusedComplete({ ...answer, key: target.key });
    if (error instanceof NotAssembledYet) {
      const message =
        "storage shows neither the upload nor its object, and may still be assembling it; complete it again";
      throw new DomainError("unavailable", message, {
        reason: "STORAGE_UNAVAILABLE",
        retryAfterMs: ASSEMBLING_RETRY_MS,
        cause: error,
      });
    }
    throw toDomainError(error, "assembling the file");
  }
}

async function completeOnce(
  access: S3Access,
  target: Target,
  options: {
    manifest: { crc32: number; sizeBytes: number };
    command: CompleteMultipartUploadCommand;
    signal?: AbortSignal | undefined;
  },
): Promise<ObjectHead> {
  const { manifest, command, signal } = options;
  try {
    const send = () => access.client.send(command, { ...(signal !== undefined && { abortSignal: signal }) });
    const answer = await sendOnce(access, "control", send, { signal });
    // S3 states the checksum of the object that it made. Another server may answer with the object that it finds under the key.
    if (fromBase64Crc32(answer.ChecksumCRC32) !== manifest.crc32)
      return await lookForOurs(access, target, { manifest, signal });
    return {
      sizeBytes: manifest.sizeBytes,
      etag: unquote(answer.ETag ?? ""),
      versionId: answer.VersionId ?? "",
      crc32: manifest.crc32,
    };
  } catch (error) {
    if (toS3Failure(error) !== "no-such-upload") throw error;
    return await lookForOurs(access, target, { manifest, signal, cause: error });
  }
}

/** The object under the upload's key, if its size and checksum are those of the bytes that were sent. */
async function lookForOurs(
  access: S3Access,
  target: Target,
  options: {
    manifest: { crc32: number; sizeBytes: number };
    signal?: AbortSignal | undefined;
    cause?: unknown;
  },
): Promise<ObjectHead> {
  const { manifest } = options;
  const { bucket, key } = target;
  const stored = await findStored(access, { bucket, key }, { sizeBytes: manifest.sizeBytes, signal: options.signal });
  if (stored === undefined) throw new NotAssembledYet("no upload and no object", { cause: options.cause });
  if (stored.sizeBytes === manifest.sizeBytes && stored.crc32 === manifest.crc32) return stored;
  throw new DomainError("data_loss", "storage holds other bytes under the upload's key than were sent", {
    reason: "CHECKSUM_MISMATCH",
    details: { size_bytes: stored.sizeBytes, expected_size_bytes: manifest.sizeBytes },
  });
}

/** Parts of the upload are still there after an abort, because a part in flight has landed. Retryable. */
class PartsRemain extends Error {
  override readonly name = "OperationAborted";
}

/** Aborts a multipart upload until S3 knows nothing of it. */
export async function abortMultipart(
  access: S3Access,
  target: Target,
  options: { signal?: AbortSignal },
): Promise<void> {
  const input = { Bucket: target.bucket, Key: target.key, UploadId: target.multipartId };
  const sending = { ...(options.signal !== undefined && { abortSignal: options.signal }) };
  const abort = () => access.client.send(new AbortMultipartUploadCommand(input), sending);
  const list = () => access.client.send(new ListPartsCommand(input), sending);
  try {
    await retryS3(
      access,
      async () => {
        await sendOnce(access, "control", abort, options);
        await sendOnce(access, "control", list, options);
        throw new PartsRemain("parts remain after the abort");
      },
      options,
    );
  } catch (error) {
    if (toS3Failure(error) === "no-such-upload") return;
    if (options.signal?.aborted === true) throw options.signal.reason;
    throw toDomainError(error, "removing the upload's parts");
  }
}
