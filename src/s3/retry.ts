import { setTimeout as delay } from "node:timers/promises";
import { toS3Failure } from "./errors.ts";

/** How often and how long a failing S3 request is tried again. */
export interface RetryPolicy {
  /** Most tries of one request, the first included. */
  triesMax: number;
  /** Upper bound of the first wait, in milliseconds; doubles with each try. */
  baseDelayMs: number;
  /** Upper bound of any wait, in milliseconds. */
  delayMaxMs: number;
  /** No further try begins this long after the first, in milliseconds. */
  timeMaxMs: number;
  /** Uniform in [0, 1); injected so that tests are repeatable. */
  random: () => number;
}

/** A wait with full jitter: uniform between 0 and the doubled bound, so that replicas do not retry in step. */
export function toRetryDelayMs(policy: RetryPolicy, failures: number): number {
  return policy.random() * Math.min(policy.delayMaxMs, policy.baseDelayMs * 2 ** (failures - 1));
}

/**
 * Calls `request` until it succeeds, fails for good, or the policy ends; then throws the last error. `signal` ends the
 * waits; it is up to `request` to heed it too.
 */
export async function retry<T>(
  policy: RetryPolicy,
  request: (tryNumber: number) => Promise<T>,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const endsAt = performance.now() + policy.timeMaxMs;
  for (let tryNumber = 1; ; tryNumber++) {
    try {
      return await request(tryNumber);
    } catch (error) {
      const delayMs = toRetryDelayMs(policy, tryNumber);
      const isLast = tryNumber >= policy.triesMax || performance.now() + delayMs > endsAt;
      if (isLast || toS3Failure(error) !== "retryable" || options.signal?.aborted === true) throw error;
      await delay(delayMs, undefined, { ...(options.signal !== undefined && { signal: options.signal }) });
    }
  }
}
