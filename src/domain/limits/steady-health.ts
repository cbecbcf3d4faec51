/** How many checks, and how much time, change what is believed of a component. */
export interface SteadyLimits {
  /** Checks that must fail in a row before a component that was well counts as away. */
  awayAfterChecks: number;
  /** For so long every check must succeed before a component that was away counts as well, in milliseconds. */
  wellAfterMs: number;
}

/**
 * A lost packet is no outage: the second check a second later finds out. A component that comes and goes is away, until it has
 * answered for three seconds.
 */
export const STEADY_LIMITS: SteadyLimits = { awayAfterChecks: 2, wellAfterMs: 3000 };

/**
 * What is believed of a component by its checks, without flapping: one check that fails changes nothing, and neither does a
 * short recovery. The first check decides at once.
 */
export class SteadyHealth {
  readonly #limits: SteadyLimits;
  readonly #now: () => number;
  #problem: string | undefined;
  #isJudged = false;
  #failures = 0;
  #wellSince: number | undefined;

  /** `now` counts milliseconds and never goes back. */
  constructor({ limits = STEADY_LIMITS, now = () => performance.now() }: SteadyHealthOptions = {}) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Takes the problem that a check found, or undefined, and returns the problem that is to be believed, or undefined. */
  judge(found: string | undefined): string | undefined {
    const { awayAfterChecks, wellAfterMs } = this.#limits;
    this.#failures = found === undefined ? 0 : this.#failures + 1;
    this.#wellSince = found === undefined ? (this.#wellSince ?? this.#now()) : undefined;
    const isAway = this.#problem !== undefined;
    if (found !== undefined) {
      if (!this.#isJudged || isAway || this.#failures >= awayAfterChecks) this.#problem = found;
    } else if (isAway && this.#now() - (this.#wellSince as number) >= wellAfterMs) this.#problem = undefined;
    this.#isJudged = true;
    return this.#problem;
  }
}

/** The limits and the clock, which tests inject. */
interface SteadyHealthOptions {
  limits?: SteadyLimits;
  now?: (() => number) | undefined;
}
