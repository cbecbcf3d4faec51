/**
 * A worker that has listened for this long counts as healthy, and its successor starts at once, in milliseconds. It is longer
 * than callers need to reconnect and repeat the call that ended the worker.
 */
export const STEADY_MS = 60_000;
/** The first wait, in milliseconds; it doubles with each further worker that ends early. */
const BASE_DELAY_MS = 500;
/** The longest wait, in milliseconds: so long a worker's place may be empty after the cause has gone. */
export const DELAY_MAX_MS = 15_000;

/**
 * Decides how soon the next worker takes the place of one that has ended: at once after the first, and later after each
 * further one that ends before it has listened for a minute. Otherwise a cause that ends every worker soon after its start
 * would take a whole core for starts alone.
 */
export class RestartPace {
  readonly #now: () => number;
  #earlyEnds = 0;
  #listeningSince: number | undefined;

  /** `now` gives milliseconds; tests inject it. */
  constructor({ now = () => performance.now() } = {}) {
    this.#now = now;
  }

  /** Tells that the worker of this place listens. */
  listening(): void {
    this.#listeningSince = this.#now();
  }

  /** Tells that the worker of this place has ended. Returns how long the place must stay empty, in milliseconds, at most 15 s. */
  ended(): number {
    const wasSteady = this.#listeningSince !== undefined && this.#now() - this.#listeningSince >= STEADY_MS;
    this.#listeningSince = undefined;
    this.#earlyEnds = wasSteady ? 0 : this.#earlyEnds + 1;
    // The workers of one place follow one another, so they cannot start in step with others, and the wait needs no jitter.
    return this.#earlyEnds < 2 ? 0 : Math.min(DELAY_MAX_MS, BASE_DELAY_MS * 2 ** (this.#earlyEnds - 2));
  }
}
