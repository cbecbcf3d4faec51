import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import { parseEtag } from "../../domain/files/file-etag.ts";
import { parseFilePath } from "../../domain/files/file-path.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { parseGeneration } from "../../domain/files/generation.ts";
import type { Namespaces } from "../../domain/namespaces/namespace.ts";
import { type BucketRegions, requireResident } from "../../domain/residency.ts";

/** Which deleted file: the generation deleted last, unless one is named. */
export interface UndeleteFileRequest {
  requestId: string;
  namespace: string;
  path: string;
  generation?: number;
  /** Of the deleted file; empty for any. */
  etag: string;
}

/**
 * Restores a deleted file to its path. Repeating the call with the same request id returns the same file. Errors:
 * `not_found / FILE_NOT_FOUND` when nothing restorable is there, `already_exists / FILE_EXISTS` when a live file is,
 * `failed_precondition / ETAG_MISMATCH`, `RESIDENCY_VIOLATION`, `FILE_PURGED` of a named generation, and `aborted / CONTENDED` when others
 * delete and restore the file all the time.
 */
export async function undeleteFile(
  deps: { files: Pick<FileRepository, "undelete">; namespaces: Namespaces; regions: BucketRegions },
  request: UndeleteFileRequest,
  options: { caller: Caller; signal?: AbortSignal },
): Promise<File> {
  const { generation } = request;
  const etag = parseEtag(request.etag);
  const namespace = requireResident(deps, request.namespace);
  const path = parseFilePath(request.path);
  if (generation !== undefined) parseGeneration(generation);
  const identity = toCommandIdentity(options.caller, "UndeleteFile", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [path, generation ?? null, etag],
  });
  return await deps.files.undelete(namespace.name, path, {
    identity,
    allowedRegions: namespace.allowedRegions,
    etag,
    ...(generation !== undefined && { generation }),
  });
}
