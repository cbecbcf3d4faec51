/** How many retries a dependency gets beside the requests that it is sent anyway. */
export interface RetryBudgetLimits {
  /** Retries for each request, from 0 to 1, once the reserve is used up. */
  share: number;
  /** Retries that may be made at once, after a time without any. */
  reserveMax: number;
}

/**
 * Bounds the retries of all requests to one dependency together. Retries help against single failures; when most requests fail,
 * they would only multiply the load of a dependency that has too much already.
 */
export class RetryBudget {
  readonly #limits: RetryBudgetLimits;
  #left: number;

  constructor(limits: RetryBudgetLimits) {
    this.#limits = limits;
    this.#left = limits.reserveMax;
  }

  /** Counts the first try of a request. */
  noteRequest(): void {
    this.#left = Math.min(this.#limits.reserveMax, this.#left + this.#limits.share);
  }

  /** Takes one retry; false when none is left. */
  take(): boolean {
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
