import { DomainError } from "../errors.ts";
import type { Namespace } from "./namespace.ts";
import { NAMESPACE_FORMS, NAMESPACE_MAXIMA } from "./namespace-bounds.ts";
import type { NamespacePolicy } from "./namespace-repository.ts";
import { QUOTA_NAMES, type Quotas } from "./quotas.ts";

const DAY_MS = 86_400_000;
const KEPT_MAX_MS = NAMESPACE_MAXIMA.keptDays * DAY_MS;
const DOWNLOAD_URL_MAX_MS = NAMESPACE_MAXIMA.downloadUrlSeconds * 1000;
const PART_URL_MAX_MS = NAMESPACE_MAXIMA.partUrlSeconds * 1000;
const LINK_MAX_MS = NAMESPACE_MAXIMA.linkSeconds * 1000;
const ALLOWED_REGIONS_MAX = 50;
const KEY_PREFIX_MAX_CHARACTERS = 512;

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

/** A policy as a caller states it; of what is undefined, the service's own values hold. */
export type StatedPolicy = { readonly [K in keyof NamespacePolicy]?: NamespacePolicy[K] | undefined };

/** The stated policy, completed by the values that a new namespace has otherwise; the regions are not completed. */
export function completePolicy(stated: StatedPolicy, defaults: NamespacePolicy): NamespacePolicy {
  return {
    allowedRegions: stated.allowedRegions ?? [],
    fileSizeMaxBytes: stated.fileSizeMaxBytes ?? defaults.fileSizeMaxBytes,
    retentionMs: stated.retentionMs ?? defaults.retentionMs,
    retainDefaultMs: stated.retainDefaultMs ?? defaults.retainDefaultMs,
    downloadUrlLifetimeMaxMs: stated.downloadUrlLifetimeMaxMs ?? defaults.downloadUrlLifetimeMaxMs,
    partUrlLifetimeMaxMs: stated.partUrlLifetimeMaxMs ?? defaults.partUrlLifetimeMaxMs,
    linkLifetimeMaxMs: stated.linkLifetimeMaxMs ?? defaults.linkLifetimeMaxMs,
    audit: stated.audit ?? defaults.audit,
    ...toQuotas(stated),
  };
}

/** The bounds of the numbers of a policy, by the names that callers know them by. */
const BOUNDS = {
  fileSizeMaxBytes: ["file_size_max_bytes", 1, NAMESPACE_MAXIMA.fileSizeBytes, "bytes"],
  retentionMs: ["retention", DAY_MS, KEPT_MAX_MS, "milliseconds"],
  retainDefaultMs: ["retain_default", 0, KEPT_MAX_MS, "milliseconds"],
  downloadUrlLifetimeMaxMs: ["download_url_lifetime_max", 1000, DOWNLOAD_URL_MAX_MS, "milliseconds"],
  partUrlLifetimeMaxMs: ["part_url_lifetime_max", 1000, PART_URL_MAX_MS, "milliseconds"],
  linkLifetimeMaxMs: ["link_lifetime_max", 1000, LINK_MAX_MS, "milliseconds"],
} as const satisfies Record<
  Exclude<keyof NamespacePolicy, "allowedRegions" | "audit" | keyof Quotas>,
  readonly [string, number, number, string]
>;

/** The quotas among the values; the service states none of its own. */
function toQuotas(stated: Quotas): Quotas {
  const keys = Object.keys(QUOTA_NAMES) as (keyof Quotas)[];
  return Object.fromEntries(keys.flatMap((key) => (stated[key] === undefined ? [] : [[key, stated[key]]])));
}

function findQuotaProblems(quotas: Quotas): string[] {
  return Object.entries(QUOTA_NAMES).flatMap(([key, name]) => {
    const value = quotas[key as keyof Quotas];
    const isRate = name.endsWith("requests_per_second_max");
    const [min, max] = isRate ? [1, NAMESPACE_MAXIMA.requestsPerSecond] : [0, NAMESPACE_MAXIMA.quotaBytes];
    if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return [];
    return [`${name} is ${value}; give ${min} to ${max}, or leave it unset for no quota`];
  });
}

/**
 * Checks a namespace that a caller wants to have; returns it with each allowed region once, its own among them. All problems are said
 * at once: `invalid_argument / ARGUMENT_INVALID`, or `failed_precondition / RESIDENCY_VIOLATION` when nothing is wrong but the region.
 */
export function parseNamespace(namespace: Namespace): Namespace {
  const { name, bucket, region, keyPrefix } = namespace;
  const problems: string[] = [];
  const shown = (text: string) => JSON.stringify(text.slice(0, 100));
  if (!NAMESPACE_FORMS.name.test(name)) problems.push(`name is ${shown(name)}; give 1 to 63 of a-z, 0-9 and "-"`);
  if (!NAMESPACE_FORMS.bucket.test(bucket))
    problems.push(`bucket is ${shown(bucket)}; give the name of a bucket, 3 to 63 of a-z, 0-9, "." and "-"`);
  if (!REGION.test(region)) problems.push(`region is ${shown(region)}; a region is written like "eu-central-1"`);
  if (!NAMESPACE_FORMS.keyPrefix.test(keyPrefix) || keyPrefix.length > KEY_PREFIX_MAX_CHARACTERS)
    problems.push(
      `key_prefix is ${shown(keyPrefix)}; it ends in "/" or is empty, with ${KEY_PREFIX_MAX_CHARACTERS} characters at most`,
    );
  return { ...namespace, ...parsePolicy(namespace, { region, problems }) };
}

/**
 * Checks the policy that a namespace in that region is to have; when no region is allowed by name, its own is. Errors as of
 * `parseNamespace`.
 */
export function parsePolicy(
  policy: NamespacePolicy,
  { region, problems = [] }: { region: string; problems?: string[] },
): NamespacePolicy {
  const allowedRegions = policy.allowedRegions.length === 0 ? [region] : [...new Set(policy.allowedRegions)];
  const wrong = allowedRegions.find((one) => !REGION.test(one));
  if (wrong !== undefined)
    problems.push(
      `allowed_regions names ${JSON.stringify(wrong.slice(0, 100))}; a region is written like "eu-central-1"`,
    );
  if (allowedRegions.length > ALLOWED_REGIONS_MAX)
    problems.push(`allowed_regions names ${allowedRegions.length} regions; the limit is ${ALLOWED_REGIONS_MAX}`);
  for (const [key, [name, min, max, unit]] of Object.entries(BOUNDS)) {
    const value = policy[key as keyof typeof BOUNDS];
    if (!Number.isInteger(value) || value < min || value > max)
      problems.push(`${name} is ${value} ${unit}; give ${min} to ${max}`);
  }
  problems.push(...findQuotaProblems(policy));
  if (problems.length > 0)
    throw new DomainError("invalid_argument", problems.join("; "), { reason: "ARGUMENT_INVALID", field: "namespace" });
  if (!allowedRegions.includes(region)) {
    const message = `the bucket is in ${region}, which is not among the allowed regions ${allowedRegions.join(", ")}; allow it, or choose a bucket in one of them`;
    throw new DomainError("failed_precondition", message, { reason: "RESIDENCY_VIOLATION", field: "namespace.region" });
  }
  return { ...policy, allowedRegions };
}
