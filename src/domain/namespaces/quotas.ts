import { DomainError } from "../errors.ts";

/** How much may be used of a namespace, by all callers together and by each principal; undefined: there is no quota. */
export interface Quotas {
  /** Requests a second that each replica answers. */
  requestsPerSecondMax?: number | undefined;
  /** Bytes that callers upload in a day, which begins at midnight in UTC, by the database's clock. */
  bytesPerDayMax?: number | undefined;
  /** Bytes of all generations that are not purged. */
  storedBytesMax?: number | undefined;
  principalRequestsPerSecondMax?: number | undefined;
  principalBytesPerDayMax?: number | undefined;
  principalStoredBytesMax?: number | undefined;
}

/** The names by which callers know the quotas. */
export const QUOTA_NAMES = {
  requestsPerSecondMax: "requests_per_second_max",
  bytesPerDayMax: "bytes_per_day_max",
  storedBytesMax: "stored_bytes_max",
  principalRequestsPerSecondMax: "principal_requests_per_second_max",
  principalBytesPerDayMax: "principal_bytes_per_day_max",
  principalStoredBytesMax: "principal_stored_bytes_max",
} as const satisfies Record<keyof Quotas, string>;

/** What is used, in bytes. */
export interface UsedBytes {
  readonly storedBytes: number;
  /** Since the last midnight in UTC. */
  readonly dayBytes: number;
}

/** The quotas of a namespace in bytes, beside what is used of them. */
export interface QuotaUse {
  readonly namespace: string;
  readonly principal: string;
  readonly quotas: Quotas;
  readonly used: UsedBytes;
  readonly usedByPrincipal: UsedBytes;
  /** Until the next midnight in UTC, in milliseconds. */
  readonly dayLeftMs: number;
}

/**
 * Why the wanted bytes are refused; undefined when they fit. No bytes always fit, also into a quota that is passed.
 * `resource_exhausted / QUOTA_STORAGE`, which no wait ends, or `QUOTA_BYTES_PER_DAY`, which ends with the day unless the bytes
 * fit into none.
 */
export function findQuotaRefusal(use: QuotaUse, wanted: Partial<UsedBytes>): DomainError | undefined {
  const { quotas, used, usedByPrincipal } = use;
  const { storedBytes: wantedBytes = 0, dayBytes: wantedDayBytes = 0 } = wanted;
  const findPassed = (key: keyof Quotas, bytes: Omit<Passed, "key" | "maxBytes">): Passed | undefined => {
    const maxBytes = quotas[key];
    const isPassed = maxBytes !== undefined && bytes.wantedBytes > 0 && bytes.usedBytes + bytes.wantedBytes > maxBytes;
    return isPassed ? { key, maxBytes, ...bytes } : undefined;
  };
  const storage =
    findPassed("storedBytesMax", { usedBytes: used.storedBytes, wantedBytes }) ??
    findPassed("principalStoredBytesMax", { usedBytes: usedByPrincipal.storedBytes, wantedBytes });
  if (storage !== undefined) return toStorageRefusal(use, storage);
  const day =
    findPassed("bytesPerDayMax", { usedBytes: used.dayBytes, wantedBytes: wantedDayBytes }) ??
    findPassed("principalBytesPerDayMax", { usedBytes: usedByPrincipal.dayBytes, wantedBytes: wantedDayBytes });
  return day && toDayRefusal(use, day);
}

interface Passed {
  key: keyof Quotas;
  maxBytes: number;
  usedBytes: number;
  wantedBytes: number;
}

function toStorageRefusal(use: QuotaUse, passed: Passed): DomainError {
  const { maxBytes, usedBytes, wantedBytes } = passed;
  const message = `${nameSubject(use, passed.key)} may keep ${maxBytes} bytes and keeps ${usedBytes}; ${wantedBytes} more do not fit. Purge files that nobody needs, or ask an admin of the namespace for more`;
  return new DomainError("resource_exhausted", message, { reason: "QUOTA_STORAGE", details: toDetails(use, passed) });
}

function toDayRefusal(use: QuotaUse, passed: Passed): DomainError {
  const { maxBytes, usedBytes, wantedBytes } = passed;
  const fitsADay = wantedBytes <= maxBytes;
  const remedy = fitsADay
    ? `go on at the next midnight in UTC, in ${Math.ceil(use.dayLeftMs / 1000)} s`
    : "no day has room for them: ask an admin of the namespace for more";
  const message = `${nameSubject(use, passed.key)} may upload ${maxBytes} bytes a day and has uploaded ${usedBytes}; ${wantedBytes} more do not fit; ${remedy}`;
  return new DomainError("resource_exhausted", message, {
    reason: "QUOTA_BYTES_PER_DAY",
    details: toDetails(use, passed),
    ...(fitsADay && { retryAfterMs: use.dayLeftMs }),
  });
}

/** `resource_exhausted / QUOTA_REQUESTS`: the quota of that key lets no further request be answered for `retryAfterMs`. */
export function requestsExceeded(
  use: Pick<QuotaUse, "namespace" | "principal">,
  { key, max, retryAfterMs }: { key: keyof Quotas; max: number; retryAfterMs: number },
): DomainError {
  const message = `${nameSubject(use, key)} may make ${max} requests a second and has made them; wait before each try, or ask an admin of the namespace for more`;
  const details = { ...toSubject(use, key), quota: QUOTA_NAMES[key], quota_max: max };
  return new DomainError("resource_exhausted", message, { reason: "QUOTA_REQUESTS", details, retryAfterMs });
}

function toDetails(use: QuotaUse, { key, maxBytes, usedBytes, wantedBytes }: Passed) {
  const bytes = { quota_max: maxBytes, used_bytes: usedBytes, wanted_bytes: wantedBytes };
  return { ...toSubject(use, key), quota: QUOTA_NAMES[key], ...bytes };
}

function toSubject({ namespace, principal }: Pick<QuotaUse, "namespace" | "principal">, key: keyof Quotas) {
  return isOfPrincipal(key) ? { namespace, principal } : { namespace };
}

function nameSubject({ namespace, principal }: Pick<QuotaUse, "namespace" | "principal">, key: keyof Quotas): string {
  return isOfPrincipal(key) ? `${principal}, in namespace ${namespace},` : `namespace ${namespace}`;
}

function isOfPrincipal(key: keyof Quotas): boolean {
  return key.startsWith("principal");
}
