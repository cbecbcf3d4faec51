import { cleanUpload } from "../commands/abort-upload.ts";
import { commitUpload } from "../commands/complete-upload.ts";
import type { UploadAccess } from "../commands/upload-access.ts";

/** Bounds of one sweep. */
export interface SweepLimits {
  /** Uploads that one sweep takes up of each kind. */
  batchMax: number;
  /** A commit that stands still for this long was left by a process that died, in milliseconds. */
  stuckAfterMs: number;
  /** Multipart uploads under our keys that no row owns are aborted when older than this, in milliseconds. */
  orphanAfterMs: number;
}

/** What a sweep did, in uploads. */
export interface SweepResult {
  expired: number;
  committed: number;
  cleaned: number;
  orphansAborted: number;
  /** What failed; the next sweep tries again. */
  errors: unknown[];
}

/**
 * Takes up what crashes, lost answers and vanished callers left: expires uploads whose time is over, finishes commits
 * that were begun, removes dead uploads' bytes from S3, and aborts multipart uploads that no row owns. Every step is a
 * compare-and-set, so any number of replicas may sweep at once. One failure does not keep the others from being done.
 */
export async function sweepUploads(
  access: UploadAccess,
  options: { limits: SweepLimits; now: Date },
): Promise<SweepResult> {
  const { limits, now } = options;
  const result: SweepResult = { expired: 0, committed: 0, cleaned: 0, orphansAborted: 0, errors: [] };
  const attempt = async (step: () => Promise<void>) => {
    try {
      await step();
    } catch (error) {
      result.errors.push(error);
    }
  };
  await attempt(async () => {
    result.expired = (await access.uploads.expireDue(limits.batchMax)).length;
  });
  await attempt(async () => {
    const stuck = await access.uploads.listStuck({ olderThanMs: limits.stuckAfterMs, limit: limits.batchMax });
    for (const { namespace, uploadId } of stuck) {
      await attempt(async () => {
        const { upload, parts } = await access.uploads.get(namespace, uploadId);
        await commitUpload(access, upload, { parts, declared: {} });
        result.committed++;
      });
    }
  });
  await attempt(async () => {
    for (const upload of await access.uploads.listUncleaned(limits.batchMax)) {
      await attempt(async () => {
        await cleanUpload(access, upload);
        result.cleaned++;
      });
    }
  });
  for (const { bucket, keyPrefix } of access.namespaces.values()) {
    await attempt(async () => {
      const olderThan = new Date(now.getTime() - limits.orphanAfterMs);
      const found = await access.objects.listMultiparts(bucket, { keyPrefix, olderThan, limit: limits.batchMax });
      const unowned = new Set(await access.uploads.findUnowned(found.map(({ multipartId }) => multipartId)));
      for (const { key, multipartId } of found) {
        if (!unowned.has(multipartId)) continue;
        await attempt(async () => {
          await access.objects.abortMultipart({ bucket, key, multipartId });
          result.orphansAborted++;
        });
      }
    });
  }
  return result;
}
