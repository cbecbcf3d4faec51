import type { File } from "../../domain/files/file.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import { fileContended } from "../../domain/repository-refusals.ts";

/** Tries of a hold that is changed again and again while storage is told it. */
const ATTEMPTS_MAX = 5;

/** What holds are settled with. */
export interface HoldSettling {
  files: Pick<FileRepository, "settleHold">;
  objects: Pick<ObjectStore, "setLegalHold">;
}

/**
 * Tells storage the legal hold of a generation as its row says it, and notes in the row that storage does so, or has no Object Lock.
 *
 * The row comes first, and is the truth: from its commit on the service itself keeps the bytes, and the row says that storage may not.
 * Whatever fails then (storage, the database, the process), the row still says so, and the job tells storage again. A hold that is
 * lifted is likewise lifted in the row first: what storage may still hold is more than the row says, never less, and a purge takes
 * it away before it deletes. Of two that tell storage at once, the one that finds the row changed afterwards tells it again.
 *
 * Rejects as `ObjectStore.setLegalHold` and `FileRepository.settleHold` do, and `aborted / CONTENDED`.
 */
export async function settleHold({ files, objects }: HoldSettling, unsettled: File): Promise<File> {
  let file = unsettled;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const { bucket, s3Key, s3VersionId: versionId, legalHold: isHeld } = file;
    const hasObjectLock = await objects.setLegalHold(bucket, s3Key, { versionId, isHeld });
    const answer = await files.settleHold(file, hasObjectLock);
    if (answer.isSettled) return answer.file;
    file = answer.file;
  }
  throw fileContended(file.path, ATTEMPTS_MAX);
}
