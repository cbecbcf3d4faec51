/** How often one caller may do something. */
export interface Pace {
  /** For how long, in milliseconds, each time counts. */
  intervalMs: number;
  /** How many times may come at once after a pause. */
  burstMax: number;
}

/** How often each caller may do something, unless a call states another pace. */
export interface RateLimits extends Pace {
  /** Callers that are remembered; beyond that, the callers that came longest ago are forgotten and begin anew. */
  callersMax: number;
}

/** A moment plus and minus an interval is this far from itself at most, in milliseconds: clocks have fractions. */
const ROUNDING_MS = 0.001;

/** Bounds how often each caller does something: a leaky bucket a caller, in bounded memory. A caller is any string that tells callers apart. */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #now: () => number;
  /** When the bucket of each caller will be empty; the caller that came longest ago is first. */
  readonly #emptyAt = new Map<string, number>();

  /** `now` in milliseconds, for tests. */
  constructor(limits: RateLimits, { now = () => performance.now() } = {}) {
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Counts one time and returns 0 when it may be now. Otherwise counts nothing, and returns in how many milliseconds it may
   * be.
   */
  take(caller: string, pace: Pace = this.#limits): number {
    return this.#count(caller, 0, pace);
  }

  /** Takes back so many times of a caller, as if they had not been counted. */
  giveBack(caller: string, times: number, { intervalMs }: Pace = this.#limits): void {
    const emptyAt = this.#emptyAt.get(caller);
    if (emptyAt !== undefined) this.#emptyAt.set(caller, emptyAt - times * intervalMs);
  }

  /**
   * Counts one time for the moment when it may be, and returns in how many milliseconds that is. A time that would have to
   * wait longer than `waitMaxMs` is not counted; the result is then `waitMaxMs`.
   */
  reserve(caller: string, waitMaxMs: number): number {
    return Math.min(this.#count(caller, waitMaxMs, this.#limits), waitMaxMs);
  }

  /** Returns how long the time has to wait, and counts it unless the wait is longer than `waitMaxMs`. */
  #count(caller: string, waitMaxMs: number, { intervalMs, burstMax }: Pace): number {
    const { callersMax } = this.#limits;
    const now = this.#now();
    const emptyAt = Math.max(now, this.#emptyAt.get(caller) ?? 0) + intervalMs;
    const overMs = emptyAt - now - burstMax * intervalMs;
    const waitMs = overMs > ROUNDING_MS ? overMs : 0;
    if (waitMs > waitMaxMs) return waitMs;
    this.#emptyAt.delete(caller);
    this.#emptyAt.set(caller, emptyAt);
    if (this.#emptyAt.size > callersMax) this.#emptyAt.delete(this.#emptyAt.keys().next().value as string);
    return waitMs;
  }
}
