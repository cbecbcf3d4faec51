import type { Namespace } from "../../domain/namespaces/namespace.ts";
import type { NamespaceRecord, NamespaceRepository } from "../../domain/namespaces/namespace-repository.ts";
import { parseNamespace } from "../../domain/namespaces/parse-namespace.ts";

/** The namespaces in memory, which are to know of a change before its caller hears of it. */
export interface NamespaceMemory {
  catchUp(): Promise<void>;
}

/**
 * Makes a namespace, without grants. Repeating the call returns the same namespace. Errors: `invalid_argument /
 * ARGUMENT_INVALID` with all problems, `failed_precondition / RESIDENCY_VIOLATION` and `PREFIX_OVERLAPS`, `already_exists /
 * NAMESPACE_EXISTS`.
 */
export async function createNamespace(
  deps: { repository: Pick<NamespaceRepository, "create">; memory: NamespaceMemory },
  namespace: Namespace,
): Promise<NamespaceRecord> {
  const record = await deps.repository.create(parseNamespace(namespace));
  await deps.memory.catchUp();
  return record;
}
