import { removeBytes, type StorageOfBytes } from "../commands/files/purge-file.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";

/** Bounds of one run. */
export interface PurgeLimits {
  /** Files that are marked by one statement. */
  batchMax: number;
  batchesMax: number;
  /** Deletions that are on their way to S3 at once. */
  deletionsInFlightMax: number;
}

/** What a run did, in files, and where the next one goes on. */
export interface PurgeResult {
  purged: number;
  /** The failures; their files stay marked, and a later run tries again. */
  errors: unknown[];
  cursor: string;
}

/**
 * Purges what is due of a namespace: deleted and superseded generations past their purge time that nothing retains, and what was marked and
 * then left by a crash. Each is marked, removed from storage, and then emptied; every step can be repeated, so that runs
 * side by side, and beside PurgeFile, do no harm. The cursor goes past what failed, so that nothing that cannot be removed
 * keeps the rest waiting; it goes on in a bucket that lies where the namespace's files must not, because that is how they end there; the walk begins again after its end. Where nothing of a batch could be removed storage is likely
 * away, and the run ends. Rejects when the database cannot be reached.
 */
export async function purgeDueFiles(
  deps: {
    files: Pick<FileRepository, "beginDuePurges" | "endPurges">;
    objects: StorageOfBytes;
  },
  options: { namespace: string; limits: PurgeLimits; cursor: string; signal: AbortSignal },
): Promise<PurgeResult> {
  const { namespace, limits, signal } = options;
  const result: PurgeResult = { purged: 0, errors: [], cursor: options.cursor };
  for (let batch = 0; batch < limits.batchesMax && !signal.aborted; batch++) {
    const { files, next } = await deps.files.beginDuePurges(namespace, {
      after: result.cursor,
      limit: limits.batchMax,
    });
    const removed: string[] = [];
    for (let at = 0; at < files.length; at += limits.deletionsInFlightMax) {
      const some = files.slice(at, at + limits.deletionsInFlightMax);
      const outcomes = await Promise.allSettled(some.map((file) => removeBytes(deps.objects, file)));
      outcomes.forEach((outcome, index) => {
        if (outcome.status === "rejected") result.errors.push(outcome.reason);
        else removed.push((some[index] as (typeof some)[number]).fileId);
      });
    }
    if (removed.length > 0) await deps.files.endPurges(namespace, removed);
    result.purged += removed.length;
    result.cursor = next;
    if (next === "" || removed.length === 0) break;
  }
  return result;
}
