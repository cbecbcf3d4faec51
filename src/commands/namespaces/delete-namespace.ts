import type { Caller } from "../../domain/caller.ts";
import { toActor } from "../../domain/deed.ts";
import { parseNamespaceEtag } from "../../domain/namespaces/namespace-etag.ts";
import type { NamespaceRecord, NamespaceRepository } from "../../domain/namespaces/namespace-repository.ts";
import type { NamespaceMemory } from "./create-namespace.ts";

/**
 * Deletes an empty namespace for good: its name is never used again. Errors: `not_found / NAMESPACE_NOT_FOUND`,
 * `failed_precondition / NAMESPACE_NOT_EMPTY` and `ETAG_MISMATCH`.
 */
export async function deleteNamespace(
  deps: { repository: Pick<NamespaceRepository, "delete">; memory: NamespaceMemory },
  { namespace, etag }: { namespace: string; etag: string },
  options: { caller: Caller },
): Promise<NamespaceRecord> {
  const record = await deps.repository.delete(namespace, {
    ...parseNamespaceEtag(etag),
    actor: toActor(options.caller),
  });
  await deps.memory.catchUp();
  return record;
}
