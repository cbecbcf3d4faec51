import type { Caller } from "../../domain/caller.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import type { OperationRepository } from "../../domain/jobs/operation-repository.ts";
import { findOperation, type OperationName, type OperationSight } from "../../queries/operations/find-operation.ts";

/**
 * Asks for the end of an operation, which ends within seconds, after the step that it is in; what it has done until then stays. One
 * that has ended already stays as it is. Errors as of `findOperation`.
 */
export async function cancelOperation(
  access: OperationSight & { operations: Pick<OperationRepository, "get" | "cancel"> },
  request: OperationName,
  options: { caller: Caller },
): Promise<Operation> {
  const { namespace, operationId } = await findOperation(access, request, options);
  return await access.operations.cancel(namespace, operationId);
}
