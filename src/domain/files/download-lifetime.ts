/** SigV4 takes no longer expiry: 7 days, in seconds. */
const LIFETIME_MAX_SECONDS = 604_800;

/**
 * The lifetime of a presigned URL in seconds, as S3 counts it; undefined for one that cannot be signed: less than a second,
 * more than 7 days, or no whole number of seconds, which would be cut to a shorter one.
 */
export function toLifetimeSeconds(lifetimeMs: number): number | undefined {
  const seconds = lifetimeMs / 1000;
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= LIFETIME_MAX_SECONDS ? seconds : undefined;
}
