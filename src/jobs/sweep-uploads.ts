import { cleanUpload } from "../commands/abort-upload.ts";
import { commitUpload } from "../commands/complete-upload.ts";
import type { UploadAccess } from "../commands/upload-access.ts";
import { DomainError, type ErrorReason } from "../domain/errors.ts";
import type { Upload } from "../domain/upload.ts";

/**
 * How long S3 must have shown neither the multipart upload nor the object of a commit that was begun, before the upload is
 * given up as lost, in milliseconds of the database's clock. A 404 proves nothing while S3 assembles, which "could take
 * several minutes" (AWS, CompleteMultipartUpload).
 */
const LOST_AFTER_MS = 15 * 60_000;

/** Bounds of one sweep. */
export interface SweepLimits {
  /** Uploads that one sweep takes up of each kind. */
  batchMax: number;
  /** A commit that stands still for this long was left by a process that died, in milliseconds. */
  stuckAfterMs: number;
}

/** What a sweep did, in uploads. */
export interface SweepResult {
  expired: number;
  committed: number;
  /** Commits that were given up: S3 has had neither parts nor object for too long. */
  lost: number;
  cleaned: number;
  /** What failed; the next sweep tries again. */
  errors: unknown[];
}

/**
 * Takes up what crashes, lost answers and vanished callers left of a namespace's uploads: expires uploads whose time is over, finishes commits
 * that were begun, and removes dead uploads' bytes from S3. Every step is a compare-and-set on the database's clock, so any
 * number of replicas may sweep at once, whatever their own clocks say. One failure does not keep the others from being done.
 */
export async function sweepUploads(
  access: UploadAccess,
  { namespace, limits }: { namespace: string; limits: SweepLimits },
): Promise<SweepResult> {
  const result: SweepResult = { expired: 0, committed: 0, lost: 0, cleaned: 0, errors: [] };
  const attempt = async (step: () => Promise<void>) => {
    try {
      await step();
    } catch (error) {
      result.errors.push(error);
    }
  };
  await attempt(async () => {
    result.expired = (await access.uploads.expireDue(namespace, limits.batchMax)).length;
  });
  await attempt(async () => {
    const stuck = await access.uploads.listStuck(namespace, {
      olderThanMs: limits.stuckAfterMs,
      limit: limits.batchMax,
    });
    for (const { uploadId } of stuck) {
      await attempt(async () => {
        result[await finishStuck(access, namespace, uploadId)]++;
      });
    }
  });
  await attempt(async () => {
    for (const upload of await access.uploads.listUncleaned(namespace, limits.batchMax)) {
      await attempt(async () => {
        await cleanUpload(access, upload);
        result.cleaned++;
      });
    }
  });
  return result;
}

/**
 * What a caller declared and the upload is not: only then has the commit been judged, and is the caller's again, who may ask
 * for something else. Whatever else keeps a commit from being made may end, and the bytes must not expire meanwhile.
 */
const REFUSALS: readonly ErrorReason[] = ["CHECKSUM_MISMATCH", "SIZE_MISMATCH", "GENERATION_MISMATCH"];

/** Commits what is assembled as its caller wanted it. What is refused is not tried at every sweep. */
async function commitAssembled(access: UploadAccess, upload: Upload): Promise<void> {
  try {
    await commitUpload(access, upload, { parts: [], declared: {} });
  } catch (error) {
    if (error instanceof DomainError && error.code !== "data_loss" && REFUSALS.includes(error.reason)) {
      await access.uploads.noteCommit(upload.uploadId, { isWanted: false });
    }
    throw error;
  }
}

/** Goes on with a commit that was begun. What S3 has not shown for long is given up: nobody else may do that. */
async function finishStuck(access: UploadAccess, namespace: string, uploadId: string): Promise<"committed" | "lost"> {
  const { upload, parts } = await access.uploads.get(namespace, uploadId);
  if (upload.state === "assembled") {
    await commitAssembled(access, upload);
    return "committed";
  }
  try {
    await commitUpload(access, upload, { parts, declared: {} });
    return "committed";
  } catch (error) {
    if (!(error instanceof DomainError) || error.reason !== "STORAGE_UNAVAILABLE") throw error;
    const { bucket, s3Key: key, multipartId } = upload;
    // S3 must say so itself: that it cannot be reached is no sign of a loss.
    const hasParts =
      (await access.objects.listParts({ bucket, key, multipartId: multipartId as string })) !== undefined;
    if (hasParts || (await access.objects.head(bucket, key)) !== undefined) throw error;
    if (await access.uploads.noteMissing(uploadId, { lostAfterMs: LOST_AFTER_MS })) return "lost";
    throw error;
  }
}
