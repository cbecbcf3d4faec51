import { DomainError } from "../errors.ts";
import { toNetwork } from "./address-network.ts";
import { RateLimiter, type RateLimits } from "./rate-limiter.ts";
import { RefusalPace } from "./refusal-pace.ts";
import { WorkLimiter, type WorkLimits } from "./work-limiter.ts";

/** Limits of the requests of visitors, whom nobody knows yet: for a process, all together and from one address. */
export interface VisitLimits {
  work: WorkLimits;
  rate: RateLimits;
}

/** Bounds the work for visitors, told apart by address alone: how often each comes, and how much runs at once, in turns. */
export class VisitorLimits {
  readonly #rate: RateLimiter;
  readonly #work: WorkLimiter;
  readonly #refusals = new RefusalPace();

  /** `what` is a noun in the plural for messages, such as "uses of links"; `now` gives milliseconds, and tests inject it. */
  constructor(what: string, { work, rate }: VisitLimits, options: { now?: () => number } = {}) {
    this.#rate = new RateLimiter(rate, options);
    this.#work = new WorkLimiter(what, work);
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
