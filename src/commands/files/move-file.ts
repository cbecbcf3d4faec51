import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import { invalidArgument } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { parseEtag } from "../../domain/files/file-etag.ts";
import { parseFilePath, parseNewFilePath } from "../../domain/files/file-path.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { parseGeneration, parseLiveGeneration } from "../../domain/files/generation.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";

/** Which file, where to, and what must be at both paths. */
export interface MoveFileRequest {
  requestId: string;
  namespace: string;
  path: string;
  targetPath: string;
  /** Of the file that is moved. */
  ifGenerationMatch?: number;
  /** Of the file that is moved; empty for any. */
  etag: string;
  /** Of the live file at the target; 0: none may be there. */
  ifTargetGenerationMatch?: number;
}

/**
 * Moves the live file at a path to another one, as the next generation there; a live file that is there is superseded. One
 * row changes, with those of its links, and no byte moves; older generations stay where they are. Repeating the call with the
 * same request id returns the same file. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / GENERATION_MISMATCH` (of
 * either path) and `ETAG_MISMATCH`, `invalid_argument` with the field.
 */
export async function moveFile(
  deps: { files: Pick<FileRepository, "move">; namespaces: Namespaces },
  request: MoveFileRequest,
  options: { caller: Caller },
): Promise<File> {
  const { ifGenerationMatch, ifTargetGenerationMatch } = request;
  const etag = parseEtag(request.etag);
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const path = parseFilePath(request.path);
  const targetPath = parseNewFilePath(request.targetPath, "target_path");
  if (targetPath === path) {
    throw invalidArgument("target_path", "target_path is the path that the file is at; name another one");
  }
  if (ifGenerationMatch !== undefined) parseGeneration(ifGenerationMatch, "if_generation_match");
  if (ifTargetGenerationMatch !== undefined) {
    parseLiveGeneration(ifTargetGenerationMatch, "if_target_generation_match");
  }
  const identity = toCommandIdentity(options.caller, "MoveFile", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [path, targetPath, ifGenerationMatch ?? null, etag, ifTargetGenerationMatch ?? null],
  });
  return await deps.files.move(namespace.name, path, {
    identity,
    targetPath,
    etag,
    retentionMs: namespace.retentionMs,
    ...(ifGenerationMatch !== undefined && { ifGenerationMatch }),
    ...(ifTargetGenerationMatch !== undefined && { ifTargetGenerationMatch }),
  });
}
