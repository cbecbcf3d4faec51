import type { Caller } from "../../domain/caller.ts";
import { toActor } from "../../domain/deed.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import type {
  NamespacePolicy,
  NamespaceRecord,
  NamespaceRepository,
} from "../../domain/namespaces/namespace-repository.ts";
import { completePolicy, parseNamespace, type StatedPolicy } from "../../domain/namespaces/parse-namespace.ts";

/** The namespaces in memory, which are to know of a change before its caller hears of it. */
export interface NamespaceMemory {
  catchUp(): Promise<void>;
}

/** The namespace that a caller wants to have. */
export interface CreateNamespaceRequest extends StatedPolicy, Pick<Namespace, "name" | "bucket" | "region"> {
  /** The name followed by "/" when undefined. */
  keyPrefix: string | undefined;
}

/**
 * Makes a namespace, without grants. Repeating the call returns the same namespace. `defaults` are the values of a policy that the
 * request leaves undefined. Errors: `invalid_argument / ARGUMENT_INVALID` with all problems, `failed_precondition /
 * RESIDENCY_VIOLATION` and `PREFIX_OVERLAPS`, `already_exists / NAMESPACE_EXISTS`.
 */
export async function createNamespace(
  deps: { repository: Pick<NamespaceRepository, "create">; memory: NamespaceMemory; defaults: NamespacePolicy },
  request: CreateNamespaceRequest,
  options: { caller: Caller },
): Promise<NamespaceRecord> {
  const { name, bucket, region, keyPrefix = `${name}/` } = request;
  const policy = completePolicy(request, deps.defaults);
  const record = await deps.repository.create(
    parseNamespace({ name, bucket, region, keyPrefix, ...policy }),
    toActor(options.caller),
  );
  await deps.memory.catchUp();
  return record;
}
