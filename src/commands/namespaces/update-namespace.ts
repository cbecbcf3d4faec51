import type { Caller } from "../../domain/caller.ts";
import { toActor } from "../../domain/deed.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { parseNamespaceEtag } from "../../domain/namespaces/namespace-etag.ts";
import type {
  NamespacePolicy,
  NamespaceRecord,
  NamespaceRepository,
} from "../../domain/namespaces/namespace-repository.ts";
import { completePolicy, parsePolicy, type StatedPolicy } from "../../domain/namespaces/parse-namespace.ts";
import type { NamespaceMemory } from "./create-namespace.ts";

/** What a caller wants to change of a namespace. */
export interface UpdateNamespaceRequest {
  namespace: string;
  /** Values of the fields that the mask names; undefined for those that a new namespace has. */
  policy: StatedPolicy;
  /** Names of NAMESPACE_FIELDS, or "*" for all of them. */
  updateMask: readonly string[];
  /** Empty for whatever there is. */
  etag: string;
}

/** What may be changed, by the names of a mask. */
export const NAMESPACE_FIELDS = {
  allowed_regions: "allowedRegions",
  file_size_max_bytes: "fileSizeMaxBytes",
  retention: "retentionMs",
  retain_default: "retainDefaultMs",
  download_url_lifetime_max: "downloadUrlLifetimeMaxMs",
  part_url_lifetime_max: "partUrlLifetimeMaxMs",
  link_lifetime_max: "linkLifetimeMaxMs",
  audit: "audit",
  requests_per_second_max: "requestsPerSecondMax",
  bytes_per_day_max: "bytesPerDayMax",
  stored_bytes_max: "storedBytesMax",
  principal_requests_per_second_max: "principalRequestsPerSecondMax",
  principal_bytes_per_day_max: "principalBytesPerDayMax",
  principal_stored_bytes_max: "principalStoredBytesMax",
} as const satisfies Record<string, keyof NamespacePolicy>;

/**
 * Changes the policy of a namespace; files that are there stay as they are. Errors: `not_found / NAMESPACE_NOT_FOUND`,
 * `failed_precondition / ETAG_MISMATCH` and `RESIDENCY_VIOLATION`, `invalid_argument / ARGUMENT_INVALID`.
 */
export async function updateNamespace(
  deps: { repository: Pick<NamespaceRepository, "update">; memory: NamespaceMemory; defaults: NamespacePolicy },
  { namespace, policy, updateMask, etag }: UpdateNamespaceRequest,
  options: { caller: Caller },
): Promise<NamespaceRecord> {
  const keys = toKeys(updateMask);
  const values = completePolicy(policy, deps.defaults);
  const change = (before: NamespaceRecord): NamespacePolicy => {
    const changed = Object.fromEntries(keys.map((key) => [key, values[key]]));
    return parsePolicy({ ...before, ...changed }, before);
  };
  const record = await deps.repository.update(namespace, change, {
    ...parseNamespaceEtag(etag),
    actor: toActor(options.caller),
  });
  await deps.memory.catchUp();
  return record;
}

function toKeys(updateMask: readonly string[]): (keyof NamespacePolicy)[] {
  const names = Object.keys(NAMESPACE_FIELDS).join(", ");
  if (updateMask.length === 0) throw invalidArgument("update_mask", `nothing is to be changed; name one of ${names}`);
  if (updateMask.includes("*")) return Object.values(NAMESPACE_FIELDS);
  return updateMask.slice(0, 100).map((name) => {
    if (Object.hasOwn(NAMESPACE_FIELDS, name)) return NAMESPACE_FIELDS[name as keyof typeof NAMESPACE_FIELDS];
    const shown = JSON.stringify(name.slice(0, 100));
    throw invalidArgument("update_mask", `${shown} cannot be changed of a namespace; these can: ${names}`);
  });
}
