import { type Grant, parseGrants } from "../../domain/access/grants.ts";
import type { Caller } from "../../domain/caller.ts";
import { toActor } from "../../domain/deed.ts";
import { parseNamespaceEtag } from "../../domain/namespaces/namespace-etag.ts";
import type { NamespaceRecord, NamespaceRepository } from "../../domain/namespaces/namespace-repository.ts";
import type { NamespaceMemory } from "./create-namespace.ts";

/**
 * Replaces all grants of a namespace. Here they hold when the call ends, in other processes within some two seconds: streams
 * of those who lost their role end. Errors: `invalid_argument / GRANT_INVALID` with all problems, `not_found /
 * NAMESPACE_NOT_FOUND`, `failed_precondition / ETAG_MISMATCH`.
 */
export async function setGrants(
  deps: { repository: Pick<NamespaceRepository, "setGrants">; memory: NamespaceMemory },
  { namespace, grants, etag }: { namespace: string; grants: readonly Grant[]; etag: string },
  options: { caller: Caller },
): Promise<NamespaceRecord> {
  const record = await deps.repository.setGrants(namespace, parseGrants(grants), {
    ...parseNamespaceEtag(etag),
    actor: toActor(options.caller),
  });
  await deps.memory.catchUp();
  return record;
}
