import { DomainError } from "../../domain/errors.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/**
 * The id of the upload's multipart upload, which is begun where there is none; when another writer was first, ours is
 * aborted and theirs counts. Not to be broken off: what S3 has begun and no row owns would be left behind. The abort,
 * several round trips, is handed to `onSpare` and not waited for where that is given: lanes that begin together must not
 * stand for it. It never rejects.
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
 * Explains why the multipart upload is gone that a part was sent to: who has ended the upload, or fenced the writer. A
 * writer that is current, of an upload that is open, has lost it: S3 dropped it, which is noted. Never rejects.
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
