import CircuitBreaker from "opossum";

/** When a breaker opens, and for how long. */
export interface StsBreakerLimits {
  /** Share of failed requests within the window that opens it, in percent. */
  failurePercentMax: number;
  /** Requests within the window below which it stays closed. */
  requestsMin: number;
  /** Length of the window, in milliseconds. */
  windowMs: number;
  /** How long it stays open before one request may probe, in milliseconds. */
  openMs: number;
}

/** A region that is away costs ten calls of 5 s, and then one every 5 s. */
export const STS_BREAKER_LIMITS: StsBreakerLimits = {
  failurePercentMax: 50,
  requestsMin: 10,
  windowMs: 10_000,
  openMs: 5000,
};

/**
 * One opossum breaker for each region, since callers choose the region: one that is away must not cost the others' callers. A request
 * that STS answers with a refusal has resolved, so refusals open none.
 */
export class StsBreakers {
  readonly #limits: StsBreakerLimits;
  readonly #breakers = new Map<string, CircuitBreaker>();

  constructor(limits: StsBreakerLimits = STS_BREAKER_LIMITS) {
    this.#limits = limits;
  }

  /** Runs one request; rejects as it does, and with code EOPENBREAKER while the region's breaker is open. */
  async run<T>(region: string, request: () => Promise<T>): Promise<T> {
    const breaker = this.#breakers.get(region) ?? this.#create(region);
    return (await breaker.fire(request)) as T;
  }

  /** Stops the timers. */
  stop(): void {
    for (const breaker of this.#breakers.values()) breaker.shutdown();
  }

  #create(region: string): CircuitBreaker {
    const { failurePercentMax, requestsMin, windowMs, openMs } = this.#limits;
    const breaker = new CircuitBreaker((request: () => Promise<unknown>) => request(), {
      // `askSts` ends each request in time.
      timeout: false,
      errorThresholdPercentage: failurePercentMax,
      volumeThreshold: requestsMin,
      rollingCountTimeout: windowMs,
      resetTimeout: openMs,
      // Nobody reads them, and each breaker would compute them every second.
      enableSnapshots: false,
      rollingPercentilesEnabled: false,
    });
    this.#breakers.set(region, breaker);
    return breaker;
  }
}
