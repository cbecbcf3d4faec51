import { cleanUpload } from "../commands/uploads/abort-upload.ts";
import { commitUpload } from "../commands/uploads/complete-upload.ts";
import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import { DomainError, type ErrorReason } from "../domain/errors.ts";
import { requireNamespace } from "../domain/namespaces/namespace.ts";
import type { Upload } from "../domain/uploads/upload.ts";
import type { UploadPage, UploadPaging } from "../domain/uploads/upload-sweep.ts";

/**
 * How long S3 must have shown neither the multipart upload nor the object of a commit that was begun, before the upload is
 * given up as lost, in milliseconds of the database's clock. A 404 proves nothing while S3 assembles, which "could take
 * several minutes" (AWS, CompleteMultipartUpload).
 */
const LOST_AFTER_MS = 15 * 60_000;

/** Up to where the lists of a sweep were read. */
interface Places {
  stuck: string;
  uncleaned: string;
}

/** Bounds of one sweep. */
export interface SweepLimits {
  /** Uploads that one statement lists or expires. */
  batchMax: number;
  /** Lists of each kind that one sweep reads; the next goes on behind them. */
  batchesMax: number;
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
  /** The failures; a later sweep tries again. */
  errors: unknown[];
  /** Where the next sweep goes on; "" for the beginning. */
  cursor: string;
}

/**
 * Takes up what crashes, lost answers and vanished callers left of a namespace's uploads: expires uploads whose time is over, finishes commits
 * that were begun, and removes dead uploads' bytes from S3. Every step is a compare-and-set on the database's clock, so any
 * number of replicas may sweep at once, whatever their own clocks say. What fails keeps nothing else from being done: the sweep
 * goes past it, the cursor too, and comes back to it once it has been at the end. Where nothing of a list could be done storage
 * is likely away, and the next sweep goes on. While the namespace's bucket lies where its files must not, no commit is finished,
 * because that would make a file there; expiring and removing go on, because they take bytes away. Never rejects.
 */
export async function sweepUploads(
  access: UploadAccess<"catalogue" | "commits" | "sweep">,
  options: { namespace: string; limits: SweepLimits; cursor: string; signal?: AbortSignal },
): Promise<SweepResult> {
  const { namespace, limits } = options;
  const result: SweepResult = { expired: 0, committed: 0, lost: 0, cleaned: 0, errors: [], cursor: "" };
  const places: Places = options.cursor === "" ? { stuck: "", uncleaned: "" } : JSON.parse(options.cursor);
  const attempt = async (step: () => Promise<void>) => {
    try {
      await step();
    } catch (error) {
      result.errors.push(error);
    }
  };
  await attempt(async () => {
    result.expired = (await access.uploads.sweep.expireDue(namespace, limits.batchMax)).length;
  });
  /** Takes what is listed one after the other. */
  const walk = (
    kind: keyof Places,
    { list, step }: { list: (paging: UploadPaging) => Promise<UploadPage>; step: (upload: Upload) => Promise<void> },
  ) =>
    attempt(async () => {
      for (let batch = 0; batch < limits.batchesMax && options.signal?.aborted !== true; batch++) {
        const { uploads, next } = await list({ after: places[kind], limit: limits.batchMax });
        const failed = result.errors.length;
        for (const upload of uploads) await attempt(() => step(upload));
        places[kind] = next;
        if (next === "" || result.errors.length - failed === uploads.length) return;
      }
    });
  if (access.regions.problemOf(requireNamespace(access.namespaces, namespace)) === undefined) {
    await walk("stuck", {
      list: (paging) => access.uploads.sweep.listStuck(namespace, { ...paging, olderThanMs: limits.stuckAfterMs }),
      step: async ({ uploadId }) => void result[await finishStuck(access, namespace, uploadId)]++,
    });
  }
  await walk("uncleaned", {
    list: (paging) => access.uploads.sweep.listUncleaned(namespace, paging),
    step: async (upload) => {
      await cleanUpload(access, upload);
      result.cleaned++;
    },
  });
  if (places.stuck !== "" || places.uncleaned !== "") result.cursor = JSON.stringify(places);
  return result;
}

/**
 * The upload is not what its caller declared. Only such a refusal is final: the caller decides what happens next, and may
 * ask for something else. Every other obstacle may pass, and the bytes must not expire meanwhile.
 */
const REFUSALS: readonly ErrorReason[] = ["CHECKSUM_MISMATCH", "SIZE_MISMATCH", "GENERATION_MISMATCH"];

/** Commits an assembled upload as its caller wanted. A commit that is refused is not tried again at every sweep. */
async function commitAssembled(access: UploadAccess<"commits">, upload: Upload): Promise<void> {
  try {
    await commitUpload(access, upload, { parts: [], declared: {} });
  } catch (error) {
    if (error instanceof DomainError && error.code !== "data_loss" && REFUSALS.includes(error.reason)) {
      await access.uploads.commits.noteCommit(upload.uploadId, { isWanted: false });
    }
    throw error;
  }
}

/**
 * Goes on with a commit that was begun. An upload that S3 has not shown for long is given up; nobody but the sweeper may do
 * that.
 */
async function finishStuck(
  access: UploadAccess<"catalogue" | "commits">,
  namespace: string,
  uploadId: string,
): Promise<"committed" | "lost"> {
  const { upload, parts } = await access.uploads.catalogue.get(namespace, uploadId);
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
    // S3 itself must say that it has nothing: when it cannot be reached, that is no sign of a loss.
    const hasParts =
      (await access.objects.listParts({ bucket, key, multipartId: multipartId as string })) !== undefined;
    if (hasParts || (await access.objects.head(bucket, key)) !== undefined) throw error;
    if (await access.uploads.commits.noteMissing(uploadId, { lostAfterMs: LOST_AFTER_MS })) return "lost";
    throw error;
  }
}
