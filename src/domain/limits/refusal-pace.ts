import { wait } from "./backoff.ts";
import { RateLimiter, type RateLimits } from "./rate-limiter.ts";

/** Refusals that one caller is told at once: a client that opens too many streams hears of all of them, and then 50 a second. */
const PROMPT_REFUSALS: RateLimits = { intervalMs: 20, burstMax: 200, callersMax: 10_000 };
/** Longest wait for a refusal, in milliseconds: shorter than callers wait for any answer. */
const WAIT_MAX_MS = 10_000;

/**
 * How soon callers are told that they are refused. A refusal costs as much as a short answer, so a caller that ignores the
 * advice to wait, and comes back as fast as it is refused, would take the process from all others. Such a caller's refusals
 * stand in line: meanwhile its streams cost nothing but their places among those of its connections.
 */
export class RefusalPace {
  readonly #line: RateLimiter;

  /** `now` in milliseconds, for tests. */
  constructor(options: { now?: () => number } = {}) {
    this.#line = new RateLimiter(PROMPT_REFUSALS, options);
  }

  /** Resolves when the caller may be told; rejects with the signal's reason when that is aborted first. */
  async untilTold(caller: string, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const waitMs = this.#line.reserve(caller, WAIT_MAX_MS);
    if (waitMs > 0) await wait(waitMs, signal);
  }
}
