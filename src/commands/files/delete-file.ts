import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import { parseEtag } from "../../domain/files/file-etag.ts";
import { parseFilePath } from "../../domain/files/file-path.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { parseGeneration } from "../../domain/files/generation.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";

/** Which file, and what it must still be. */
export interface DeleteFileRequest {
  requestId: string;
  namespace: string;
  path: string;
  ifGenerationMatch?: number;
  /** Of the live file; empty for any. */
  etag: string;
}

/**
 * Hides the live file at a path; it can be restored for the namespace's retention. Repeating the call with the same
 * request id returns the same file. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / GENERATION_MISMATCH`,
 * `ETAG_MISMATCH` and `FILE_RETAINED`, `invalid_argument / REQUEST_ID_REUSED`.
 */
export async function deleteFile(
  deps: { files: Pick<FileRepository, "delete">; namespaces: Namespaces },
  request: DeleteFileRequest,
  options: { caller: Caller; signal?: AbortSignal },
): Promise<File> {
  const { ifGenerationMatch } = request;
  const etag = parseEtag(request.etag);
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const path = parseFilePath(request.path);
  if (ifGenerationMatch !== undefined) parseGeneration(ifGenerationMatch, "if_generation_match");
  const identity = toCommandIdentity(options.caller, "DeleteFile", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [path, ifGenerationMatch ?? null, etag],
  });
  return await deps.files.delete(namespace.name, path, {
    identity,
    etag,
    retentionMs: namespace.retentionMs,
    ...(ifGenerationMatch !== undefined && { ifGenerationMatch }),
  });
}
