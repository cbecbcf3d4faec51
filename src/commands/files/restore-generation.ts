import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import { parseFilePath } from "../../domain/files/file-path.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { parseGeneration, parseLiveGeneration } from "../../domain/files/generation.ts";
import type { Namespaces } from "../../domain/namespaces/namespace.ts";
import { type BucketRegions, requireResident } from "../../domain/residency.ts";

/** Which generation, and which one must be live now. */
export interface RestoreGenerationRequest {
  requestId: string;
  namespace: string;
  path: string;
  generation: number;
  /** 0: no file may be live at the path. */
  ifGenerationMatch?: number;
}

/**
 * Makes a superseded or deleted generation the current one again, as the next generation of its path; the live one is
 * superseded. The row is renumbered, for bytes belong to one row alone: its earlier number is not found any more. Rejected:
 * a copy in storage, which would cost time and space by the size of the file, and could fail half-way. Repeating the call
 * with the same request id returns the same file. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / FILE_LIVE`,
 * `RESIDENCY_VIOLATION`,
 * `FILE_PURGED` (also when it may be purged at any moment) and `GENERATION_MISMATCH`.
 */
export async function restoreGeneration(
  deps: { files: Pick<FileRepository, "restoreGeneration">; namespaces: Namespaces; regions: BucketRegions },
  request: RestoreGenerationRequest,
  options: { caller: Caller },
): Promise<File> {
  const { ifGenerationMatch } = request;
  const namespace = requireResident(deps, request.namespace);
  const path = parseFilePath(request.path);
  const generation = parseGeneration(request.generation);
  if (ifGenerationMatch !== undefined) parseLiveGeneration(ifGenerationMatch, "if_generation_match");
  const identity = toCommandIdentity(options.caller, "RestoreGeneration", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [path, generation, ifGenerationMatch ?? null],
  });
  return await deps.files.restoreGeneration(namespace.name, path, {
    identity,
    allowedRegions: namespace.allowedRegions,
    generation,
    retentionMs: namespace.retentionMs,
    ...(ifGenerationMatch !== undefined && { ifGenerationMatch }),
  });
}
