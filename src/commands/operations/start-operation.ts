import { v7 as uuidv7 } from "uuid";
import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { parseFileDescription } from "../../domain/files/file-description.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import { parseFilter } from "../../domain/filter/parse-filter.ts";
import type { Operation, OperationLimits } from "../../domain/jobs/operation.ts";
import type { OperationRepository } from "../../domain/jobs/operation-repository.ts";
import { ENTRY_FIELDS } from "../../domain/journal/entry-filter.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { ExportAuditRequest } from "../../queries/audit/export-audit.ts";
import { type CopyFileRequest, parseCopyRequest } from "../files/copy-file.ts";

/** What operations are started with. */
export interface StartAccess {
  operations: Pick<OperationRepository, "start">;
  namespaces: Namespaces;
  limits: Pick<OperationLimits, "openMax">;
}

/** Which files are to be purged. */
export interface StartPurgeRequest {
  requestId: string;
  namespace: string;
  /** AIP-160; not empty. */
  filter: string;
  /** Live files too, which are deleted first. */
  includeLive: boolean;
  /** Superseded generations too. */
  includeSuperseded: boolean;
}

/**
 * Starts the purge of all files that match a filter. The same request again returns the same operation as it is by then, as long as
 * it is kept. Errors: `invalid_argument / FILTER_INVALID`, `ARGUMENT_INVALID`, `REQUEST_ID_INVALID` or `REQUEST_ID_REUSED`;
 * `resource_exhausted / OVERLOADED`.
 */
export async function startPurge(
  { operations, namespaces, limits }: StartAccess,
  request: StartPurgeRequest,
  { caller }: { caller: Caller },
): Promise<Operation> {
  const { requestId, filter, includeLive, includeSuperseded } = request;
  const namespace = requireNamespace(namespaces, request.namespace).name;
  if (parseFileFilter(filter) === undefined)
    throw invalidArgument("filter", "filter is empty; say which files are to be purged");
  const content = [filter, includeLive, includeSuperseded];
  const identity = toCommandIdentity(caller, "StartPurge", { namespace, requestId, content });
  const operation = {
    operationId: uuidv7(),
    kind: "purge" as const,
    caller,
    request: { filter, includeLive, includeSuperseded },
    progress: { matched: 0, purged: 0, retained: 0 },
  };
  return await operations.start(operation, identity, limits);
}

/**
 * Starts the export of entries of the audit log into an object of the namespace's bucket. Errors as of `startPurge`. Whether entries
 * behind `afterSequence` may be missing, the operation tells.
 */
export async function startAuditExport(
  { operations, namespaces, limits }: StartAccess,
  request: ExportAuditRequest & { requestId: string },
  { caller }: { caller: Caller },
): Promise<Operation> {
  const { requestId, filter, afterSequence } = request;
  const namespace = requireNamespace(namespaces, request.namespace).name;
  parseFilter(filter, ENTRY_FIELDS);
  const content = [filter, afterSequence];
  const identity = toCommandIdentity(caller, "StartAuditExport", { namespace, requestId, content });
  const operation = {
    ...{ operationId: uuidv7(), kind: "auditExport" as const, caller },
    request: { filter, afterSequence },
    progress: { sequence: 0, count: 0 },
  };
  return await operations.start(operation, identity, limits);
}

/**
 * Starts the copy of a file within storage, which may be of any size. Errors as of `startPurge`, but for FILTER_INVALID, and
 * `invalid_argument` as of `createFileCopier`. Whether the file is there and the target free, the operation tells.
 */
export async function startCopy(
  { operations, namespaces, limits }: StartAccess,
  request: CopyFileRequest,
  { caller }: { caller: Caller },
): Promise<Operation> {
  requireNamespace(namespaces, request.namespace);
  const { identity } = parseCopyRequest(request, caller);
  // Whatever the mask will take of them: the operation keeps them all.
  parseFileDescription(request.values);
  const { requestId: _, namespace: __, ...copied } = request;
  const operation = {
    ...{ operationId: uuidv7(), kind: "copy" as const, caller },
    request: copied,
    progress: { copiedBytes: 0, sizeBytes: 0 },
  };
  return await operations.start(operation, { ...identity, method: "StartCopy" }, limits);
}
