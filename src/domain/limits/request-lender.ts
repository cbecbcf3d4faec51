import { type Pace, RateLimiter } from "./rate-limiter.ts";

/** Whose requests, and how many of them a second. */
export interface RequestRate {
  readonly key: string;
  readonly perSecond: number;
}

/** How many requests may be answered; none for `waitMs` milliseconds when it is 0. */
export interface Loan {
  readonly count: number;
  readonly waitMs: number;
}

/** Counts the requests of all workers of a replica, and lends each worker requests before they come. */
export interface RequestLender {
  /** How many requests are lent at once when they are wanted one by one. */
  batchOf(perSecond: number): number;
  /** Lends at most `countMax` requests, and fewer when the rate has no more. Never rejects. */
  lend(rate: RequestRate, countMax: number): Loan | Promise<Loan>;
  /** Takes back requests that did not come. */
  giveBack(rate: RequestRate, count: number): void;
}

/** Keys whose rates are remembered; beyond that, the keys that came longest ago begin anew. */
export const RATE_KEYS_MAX = 20_000;

/** Requests of one process, or of those that it supervises: a bucket a key, as large as the requests of a second. */
export class RequestBuckets implements RequestLender {
  readonly #limiter: RateLimiter;

  /** `now` in milliseconds, for tests. */
  constructor(options: { now?: () => number } = {}) {
    this.#limiter = new RateLimiter({ intervalMs: 1000, burstMax: 1, callersMax: RATE_KEYS_MAX }, options);
  }

  batchOf(): number {
    return 1;
  }

  lend({ key, perSecond }: RequestRate, countMax: number): Loan {
    for (let count = 0; count < countMax; count++) {
      const waitMs = this.#limiter.take(key, toPace(perSecond));
      if (waitMs > 0) return { count, waitMs };
    }
    return { count: countMax, waitMs: 0 };
  }

  giveBack({ key, perSecond }: RequestRate, count: number): void {
    this.#limiter.giveBack(key, count, toPace(perSecond));
  }
}

function toPace(perSecond: number): Pace {
  return { intervalMs: 1000 / perSecond, burstMax: perSecond };
}
