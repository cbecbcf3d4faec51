import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import { DomainError } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { parseFileDescription } from "../../domain/files/file-description.ts";
import { assertEtag, parseEtag } from "../../domain/files/file-etag.ts";
import { parseFilePath } from "../../domain/files/file-path.ts";
import type { FileChange, FileRepository } from "../../domain/files/file-repository.ts";
import { parseFileRetention, RETENTION_FIELDS } from "../../domain/files/file-retention.ts";
import { parseGeneration } from "../../domain/files/generation.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import { type FieldChanges, parseFieldChanges } from "./field-changes.ts";
import { type HoldSettling, settleHold } from "./settle-hold.ts";

/** Which file, what of it is to change, and to what. */
export interface UpdateFileRequest {
  requestId: string;
  namespace: string;
  path: string;
  /** The live one when undefined. */
  generation?: number;
  /** Changes only a file that has it; empty changes any. */
  etag: string;
  values: FileChange;
  /** Names as in the proto, for instance "labels" or "labels.team"; undefined for all that are not empty in `values`. */
  updateMask: readonly string[] | undefined;
}

/**
 * Changes the description of the live file at a path, and what keeps it; of a generation that is not live only what keeps
 * it. A legal hold is set in storage too, where the bucket has Object Lock: the answer says whether storage has it, which it may get
 * later when it cannot be reached now. Repeating the call with the same request id returns the file as it is then. Errors: `invalid_argument` with the field,
 * `not_found / FILE_NOT_FOUND`, `failed_precondition / ETAG_MISMATCH`, `FILE_RETAINED` (a retention is only extended),
 * `GENERATION_MISMATCH` (the generation is not live) and `FILE_PURGED`.
 */
export async function updateFile(
  deps: HoldSettling & { files: Pick<FileRepository, "update">; namespaces: Namespaces },
  request: UpdateFileRequest,
  options: { caller: Caller; signal?: AbortSignal },
): Promise<File> {
  const { values, updateMask, generation } = request;
  const etag = parseEtag(request.etag, "file.etag");
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const path = parseFilePath(request.path);
  if (generation !== undefined) parseGeneration(generation, "file.generation");
  const changes = parseFieldChanges(values, updateMask);
  const identity = toCommandIdentity(options.caller, "UpdateFile", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [path, etag, values, updateMask ?? null, generation ?? null],
  });
  const file = await deps.files.update(namespace.name, path, {
    identity,
    ...(generation !== undefined && { generation }),
    change: (file) => {
      assertEtag(file, etag, "file.etag");
      assertChangeable(file, changes);
      const wanted = changes.apply(file);
      return { ...parseFileDescription(wanted), ...parseFileRetention(wanted, file) };
    },
  });
  if (file.holdSettled !== false) return file;
  return await settleHold(deps, file).catch((error: unknown) => {
    // The change is committed, and the answer says that storage does not hold the object. The job tells storage again, and logs why not.
    if (error instanceof DomainError) return file;
    throw error;
  });
}

/** A generation that is not live stays as it was when it ended; only how long it is kept may still change. */
function assertChangeable(file: File, { names }: FieldChanges): void {
  const isLive = file.supersedeTime === undefined && file.deleteTime === undefined;
  const fixed = names.find((name) => !Object.hasOwn(RETENTION_FIELDS, name));
  if (isLive || fixed === undefined) return;
  const { path, generation } = file;
  const changeable = Object.keys(RETENTION_FIELDS).join(" and ");
  const message = `generation ${generation} of ${JSON.stringify(path)} is not live; only its ${changeable} can be changed`;
  throw new DomainError("failed_precondition", message, {
    reason: "GENERATION_MISMATCH",
    field: "update_mask",
    details: { path, generation },
  });
}
