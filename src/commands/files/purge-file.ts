import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import { DomainError } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { parseEtag } from "../../domain/files/file-etag.ts";
import { parseFilePath } from "../../domain/files/file-path.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { parseGeneration } from "../../domain/files/generation.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";

/** Which file: the generation deleted last, unless one is named. */
export interface PurgeFileRequest {
  requestId: string;
  namespace: string;
  path: string;
  generation?: number;
  /** Of that generation; empty for any. */
  etag: string;
}

/**
 * Removes the bytes of a deleted or superseded generation for good, now, and what was said of them. The row is marked before
 * storage is asked, and stays as a tombstone: whatever dies in between, the purge job or a repetition of the call goes on.
 * Purging what is purged returns the tombstone. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / FILE_LIVE`
 * (delete it first), `FILE_RETAINED` and `ETAG_MISMATCH`, `unavailable / STORAGE_UNAVAILABLE` (marked; the job repeats it).
 */
export async function purgeFile(
  deps: {
    files: Pick<FileRepository, "beginPurge" | "endPurges">;
    objects: StorageOfBytes;
    namespaces: Namespaces;
  },
  request: PurgeFileRequest,
  options: { caller: Caller },
): Promise<File> {
  const { generation } = request;
  const etag = parseEtag(request.etag);
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const path = parseFilePath(request.path);
  if (generation !== undefined) parseGeneration(generation);
  const identity = toCommandIdentity(options.caller, "PurgeFile", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [path, generation ?? null, etag],
  });
  const file = await deps.files.beginPurge(namespace.name, path, {
    identity,
    etag,
    ...(generation !== undefined && { generation }),
  });
  if (file.purgeState === "purged") return file;
  await removeBytes(deps.objects, file);
  const [tombstone] = await deps.files.endPurges(namespace.name, [file.fileId]);
  if (tombstone === undefined) throw new Error(`the tombstone of file ${file.fileId} is not there`);
  return tombstone;
}

/** Where bytes are removed. */
export type StorageOfBytes = Pick<ObjectStore, "delete" | "deleteVersions" | "setLegalHold">;

/**
 * Removes a file's bytes from storage. It is fine when they are gone: an earlier try may have worked. A hold that storage may have left
 * of those that the service has set is taken away first. A hold that somebody else has set in storage stays, and fails the call.
 */
export async function removeBytes(
  objects: StorageOfBytes,
  { bucket, s3Key, s3VersionId, holdSettled }: File,
): Promise<void> {
  try {
    if (holdSettled !== undefined) {
      await objects.setLegalHold(bucket, s3Key, { versionId: s3VersionId, isHeld: false });
    }
    // Keys are never reused: without a version of our own, every one under the key is of these bytes.
    if (s3VersionId === "") await objects.deleteVersions(bucket, s3Key);
    else await objects.delete(bucket, s3Key, { versionId: s3VersionId });
  } catch (error) {
    if (!(error instanceof DomainError) || error.reason !== "FILE_NOT_FOUND") throw error;
  }
}
