import { DomainError } from "../domain/errors.ts";
import { RateLimiter, type RateLimits } from "../domain/limits/rate-limiter.ts";
import { RefusalPace } from "../domain/limits/refusal-pace.ts";
import { WorkLimiter, type WorkLimits } from "../domain/limits/work-limiter.ts";
import { toNetwork } from "../rpc/listener/connection-cap.ts";

/** Limits of the requests of visitors, who need no token: for a process, all together and from one address. */
export interface VisitLimits {
  work: WorkLimits;
  rate: RateLimits;
}

/** The limits of links. */
export const LINK_VISIT_LIMITS: VisitLimits = {
  // As much work runs as there are connections to the database for it (LINK_CONNECTIONS_MAX). The visitors that may wait are
  // answered within a second.
  work: { runningMax: 2, waitingMax: 500 },
  // A page with two hundred images that are links loads at once; nobody continues at 50 a second by hand.
  rate: { intervalMs: 20, burstMax: 200, callersMax: 10_000 },
};

/** Bounds the work for visitors, told apart by address alone: how often each comes, and how much runs at once, in turns. */
export class VisitorLimits {
  readonly #rate: RateLimiter;
  readonly #work: WorkLimiter;
  readonly #refusals = new RefusalPace();

  /** `now` gives milliseconds; tests inject it. */
  constructor({ work, rate }: VisitLimits, options: { now?: () => number } = {}) {
    this.#rate = new RateLimiter(rate, options);
    this.#work = new WorkLimiter("uses of links", work);
  }

  /**
   * Does the work for a visitor when its turn comes. Throws `resource_exhausted / OVERLOADED` when too many visitors come, or
   * when this one comes too often. A visitor that is refused again and again is told so a little later.
   */
  async run<T>(address: string, work: () => Promise<T>, options: { signal?: AbortSignal } = {}): Promise<T> {
    const visitor = toNetwork(address);
    const retryAfterMs = this.#rate.take(visitor);
    if (retryAfterMs > 0) {
      await this.#refusals.untilTold(visitor, options);
      const message = "too many requests come from your address; try again a little later";
      throw new DomainError("resource_exhausted", message, { reason: "OVERLOADED", retryAfterMs });
    }
    return await this.#work.run(visitor, work, options);
  }
}
