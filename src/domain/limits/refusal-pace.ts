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
  readonly #random: () => number;

  /** `now` in milliseconds and `random` in [0, 1), for tests. */
  constructor({ now, random = Math.random }: { now?: () => number; random?: () => number } = {}) {
    this.#line = new RateLimiter(PROMPT_REFUSALS, now === undefined ? {} : { now });
    this.#random = random;
  }

  /** Resolves when the caller may be told; rejects with the signal's reason when that is aborted first. */
  async untilTold(caller: string, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const waitMs = this.#line.reserve(caller, WAIT_MAX_MS);
    // Those who came together beyond the end of the line must not be told, and come back, together.
    const spread = waitMs < WAIT_MAX_MS ? 1 : (1 + this.#random()) / 2;
    if (waitMs > 0) await wait(waitMs * spread, signal);
  }
}
