import { wait } from "./backoff.ts";
import { RateLimiter, type RateLimits } from "./rate-limiter.ts";

/** Refusals that one caller is told at once: a client that opens too many streams hears of all of them, and then 50 a second. */
const PROMPT_REFUSALS: RateLimits = { intervalMs: 20, burstMax: 200, callersMax: 10_000 };

/**
 * How soon callers are told that they are refused. A refusal costs as much as a short answer, so a caller that ignores the
 * advice to wait, and comes back as fast as it is refused, would take the process from all others. Such a caller is told after
 * the time that it should have waited; meanwhile its stream costs nothing but its place among those of its connection.
 */
export class RefusalPace {
  readonly #prompt: RateLimiter;

  /** `now` in milliseconds, for tests. */
  constructor(options: { now?: () => number } = {}) {
    this.#prompt = new RateLimiter(PROMPT_REFUSALS, options);
  }

  /** Resolves when the caller may be told to come back in `retryAfterMs`; rejects with the signal's reason when that is aborted first. */
  async untilTold(
    caller: string,
    { retryAfterMs, signal }: { retryAfterMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (this.#prompt.take(caller) > 0) await wait(retryAfterMs, signal);
  }
}
