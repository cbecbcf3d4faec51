/** How often each caller may do something. */
export interface RateLimits {
  /** For how long, in milliseconds, each time counts. */
  intervalMs: number;
  /** How many may come at once after a pause. */
  burstMax: number;
  /** Callers that are remembered; of more, those that came longest ago begin anew. */
  callersMax: number;
}

/** Bounds how often each caller does something: a leaky bucket a caller, in bounded memory. A caller is any string that tells callers apart. */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #now: () => number;
  /** When the bucket of each will be empty; whoever came longest ago first. */
  readonly #emptyAt = new Map<string, number>();

  /** `now` in milliseconds, for tests. */
  constructor(limits: RateLimits, { now = () => performance.now() } = {}) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Counts one time; 0 when it may be, else it counts not and may be in so many milliseconds. */
  take(caller: string): number {
    const { intervalMs, burstMax, callersMax } = this.#limits;
    const now = this.#now();
    const emptyAt = Math.max(now, this.#emptyAt.get(caller) ?? 0) + intervalMs;
    const waitMs = emptyAt - now - burstMax * intervalMs;
    if (waitMs > 0) return waitMs;
    this.#emptyAt.delete(caller);
    this.#emptyAt.set(caller, emptyAt);
    if (this.#emptyAt.size > callersMax) this.#emptyAt.delete(this.#emptyAt.keys().next().value as string);
    return 0;
  }
}
