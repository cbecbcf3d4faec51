/** Forms of a namespace's texts, for the environment's own namespace and for those that callers make. */
export const NAMESPACE_FORMS = {
  name: /^[a-z0-9][a-z0-9-]{0,62}$/,
  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
  bucket: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  /** Put before every key; empty or ending in "/". */
  keyPrefix: /^([\w.-]+\/)*$/,
} as const;

/** S3 takes at most 10,000 parts an upload: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const PARTS_MAX = 10_000;
/** Largest part that S3 takes, in bytes; the source is the same page. */
export const S3_PART_MAX_BYTES = 5 * 2 ** 30;

/** Largest values of a namespace's limits. */
export const NAMESPACE_MAXIMA = {
  fileSizeBytes: PARTS_MAX * S3_PART_MAX_BYTES,
  /** Of the time for which files can be restored, and of the time for which new ones are retained. */
  keptDays: 36_500,
  /** S3 signs no URL for longer than seven days. */
  downloadUrlSeconds: 604_800,
  /** The longest that SignParts signs. */
  partUrlSeconds: 3600,
  linkSeconds: 31_536_000,
  /** Of a quota: more than any replica answers. */
  requestsPerSecond: 1_000_000,
  /** Of a quota: 8 PiB less a byte, the largest integer that JavaScript keeps exactly. */
  quotaBytes: Number.MAX_SAFE_INTEGER,
} as const;

/** The policies of a namespace for its journal; `AuditPolicy` says what they mean. */
export const AUDIT_POLICIES = ["best-effort", "required"] as const;
