import { type Caller, toRequester } from "../../domain/caller.ts";
import { parseUuid } from "../../domain/command-identity.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import type { OperationRepository } from "../../domain/jobs/operation-repository.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import { operationNotFound } from "../../domain/repository-refusals.ts";

/** A request that names an operation. */
export interface OperationName {
  namespace: string;
  operationId: string;
}

/** What operations are seen with. */
export interface OperationSight {
  operations: Pick<OperationRepository, "get">;
  namespaces: Namespaces;
  /** Whether the caller may see the operations of everybody in the namespace; others see their own. */
  seesAll: (caller: Caller, namespace: string) => boolean;
}

/**
 * An operation as it is now. Errors: `not_found / OPERATION_NOT_FOUND` also for one of somebody else that the caller may not see;
 * `invalid_argument / ARGUMENT_INVALID` for an id that is no UUID.
 */
export async function findOperation(
  { operations, namespaces, seesAll }: OperationSight,
  request: OperationName,
  { caller }: { caller: Caller },
): Promise<Operation> {
  const namespace = requireNamespace(namespaces, request.namespace).name;
  const operationId = parseUuid(request.operationId, "operation_id");
  const operation = await operations.get(namespace, operationId);
  if (toRequester(operation.caller) === toRequester(caller) || seesAll(caller, namespace)) return operation;
  throw operationNotFound(operationId).hiding("PERMISSION_DENIED");
}
