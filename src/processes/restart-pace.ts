/** A worker that has listened for so long was well, and another is worth its start at once, in milliseconds: longer than callers need to reconnect and repeat what ended it. */
export const STEADY_MS = 60_000;
/** The first wait, in milliseconds; it doubles with each further worker that ends early. */
const BASE_DELAY_MS = 500;
/** The longest wait, in milliseconds: what a worker's place may stand empty when the cause has gone. */
export const DELAY_MAX_MS = 15_000;

/**
 * How soon the next worker takes the place of one that has ended: at once for the first, later for each that ends before it has
 * listened for a minute. What ends every worker soon after its start would otherwise take a whole core for starts alone.
 */
export class RestartPace {
  readonly #now: () => number;
  #earlyEnds = 0;
  #listeningSince: number | undefined;

  /** `now`, in milliseconds, for tests. */
  constructor({ now = () => performance.now() } = {}) {
    this.#now = now;
  }

  /** The worker of this place listens. */
  listening(): void {
    this.#listeningSince = this.#now();
  }

  /** The worker of this place has ended. Returns how long the place is to stand empty, in milliseconds, at most 15 s. */
  ended(): number {
    const wasSteady = this.#listeningSince !== undefined && this.#now() - this.#listeningSince >= STEADY_MS;
    this.#listeningSince = undefined;
    this.#earlyEnds = wasSteady ? 0 : this.#earlyEnds + 1;
    // Workers of one place follow one another: there is nobody to fall in step with, so the wait has no jitter.
    return this.#earlyEnds < 2 ? 0 : Math.min(DELAY_MAX_MS, BASE_DELAY_MS * 2 ** (this.#earlyEnds - 2));
  }
}
