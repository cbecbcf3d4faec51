/** How often and how long something that failed is tried again. */
export interface BackoffPolicy {
  /** Most tries, the first included. */
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
export function toBackoffDelayMs(
  policy: Pick<BackoffPolicy, "baseDelayMs" | "delayMaxMs" | "random">,
  failures: number,
): number {
  return policy.random() * Math.min(policy.delayMaxMs, policy.baseDelayMs * 2 ** (failures - 1));
}

/**
 * Calls `attempt` until it succeeds, fails for good, or the policy ends; then throws the last error. `signal` ends the
 * waits with its reason; `attempt` has to obey it, too.
 */
export async function withBackoff<T>(
  policy: BackoffPolicy,
  attempt: () => Promise<T>,
  options: {
    isRetryable: (error: unknown) => boolean;
    /** Hears of each failure that another try follows. */
    onRetry?: (error: unknown) => void;
    signal?: AbortSignal | undefined;
  },
): Promise<T> {
  const endsAt = performance.now() + policy.timeMaxMs;
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      const delayMs = toBackoffDelayMs(policy, failures);
      const isLast = failures >= policy.triesMax || performance.now() + delayMs > endsAt;
      if (isLast || !options.isRetryable(error)) throw error;
      options.signal?.throwIfAborted();
      options.onRetry?.(error);
      await wait(delayMs, options.signal);
    }
  }
}

/** Resolves after so many milliseconds; rejects with the signal's own reason when that is aborted first. */
export function wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
