import { DomainError } from "../../domain/errors.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/**
 * The id of the upload's multipart upload, which is begun where there is none; when another writer was first, ours is
 * aborted and theirs counts. It must not be interrupted: a multipart upload that S3 has begun and no row owns would be left
 * behind. Where `onSpare` is given it gets the abort, which takes several round trips and never rejects, and nobody waits
 * here: lanes that begin together must not wait for it.
 */
export async function beginMultipart(
  access: UploadAccess<"writers">,
  upload: Upload,
  { onSpare }: { onSpare?: (aborted: Promise<void>) => void } = {},
): Promise<string> {
  if (upload.multipartId !== undefined) return upload.multipartId;
  const { bucket, s3Key: key, contentType, uploadId } = upload;
  const { objects, uploads } = access;
  const ours = await objects.createMultipart(bucket, key, { contentType });
  const winner = await withDatabase(access, () => uploads.writers.setMultipartId(uploadId, ours));
  if (winner === ours) return ours;
  // Best effort: the sweeper aborts what no row owns.
  const aborted = objects.abortMultipart({ bucket, key, multipartId: ours }).catch(() => {});
  if (onSpare === undefined) await aborted;
  else onSpare(aborted);
  return winner;
}

/**
 * Explains why the multipart upload of a part is gone: the upload has ended, or the writer is fenced. When neither is true,
 * S3 has dropped the multipart upload, and the upload is marked as lost. Never rejects.
 */
export async function explainLost(
  access: UploadAccess<"writers">,
  part: { uploadId: string; epoch: number; partNumber: number },
  lost: DomainError,
): Promise<unknown> {
  const { uploadId, epoch, partNumber } = part;
  const { uploads } = access;
  try {
    await withDatabase(access, () => uploads.writers.claimParts(uploadId, epoch, { first: partNumber, count: 1 }));
    await withDatabase(access, () => uploads.writers.markLost(uploadId, epoch));
    return lost;
  } catch (error) {
    return error;
  }
}

/** Whether an error says that the multipart upload is gone. */
export function isLost(error: unknown): error is DomainError {
  return error instanceof DomainError && error.reason === "UPLOAD_LOST";
}
