import CircuitBreaker from "opossum";
import { toS3Failure } from "../errors.ts";

/** Classes of requests to one bucket that fail together; each has a breaker of its own. */
export type OperationClass = "body" | "control" | "read" | "copy" | "probe";

/** When a breaker opens and closes. */
export interface BreakerLimits {
  /** Share of failed requests within the window that opens it, in percent. */
  failurePercentMax: number;
  /** Requests within the window below which it stays closed. */
  requestsMin: number;
  /** Length of the window, in milliseconds. */
  windowMs: number;
  /** How long it stays open before one request may probe, in milliseconds. */
  openMs: number;
}

/** The code of opossum's refusals; errors.ts compares it. */
export const BREAKER_OPEN_CODE = "EOPENBREAKER";

/**
 * One opossum breaker around each single request. opossum's timeout is not used: a streamed body may rightly take long, and
 * the code that sends the bytes watches for silence. Outcomes that say nothing about S3's health do not count: refusals of
 * this one request, wrong checksums, and requests that this process gave up.
 */
export class Breaker {
  readonly #breaker: CircuitBreaker;
  readonly #probes: Probes;
  readonly #onChange: (isOpen: boolean) => void;

  /** `onChange` hears when the breaker opens and closes. */
  constructor(limits: BreakerLimits, onChange: (isOpen: boolean) => void) {
    this.#onChange = onChange;
    this.#breaker = new CircuitBreaker((request: () => Promise<unknown>) => request(), {
      timeout: false,
      errorThresholdPercentage: limits.failurePercentMax,
      volumeThreshold: limits.requestsMin,
      rollingCountTimeout: limits.windowMs,
      rollingCountBuckets: 10,
      resetTimeout: limits.openMs,
      errorFilter: (error: unknown) => toS3Failure(error) !== "retryable",
      // Nobody reads them, and each breaker would compute them every second.
      enableSnapshots: false,
      rollingPercentilesEnabled: false,
    });
    this.#breaker.on("open", () => onChange(true));
    this.#breaker.on("close", () => onChange(false));
    this.#probes = new Probes(this.#breaker, limits.openMs);
  }

  /** Runs one request; rejects with code EOPENBREAKER while the breaker is open. */
  run<T>(request: () => Promise<T>): Promise<T> {
    return this.#breaker.halfOpen ? this.#probes.send(request) : fire(this.#breaker, request);
  }

  /** Stops the timers. Only for a breaker without requests; one that is open counts as closed from here on. */
  end(): void {
    const isOpen = !this.#breaker.closed;
    this.#breaker.shutdown();
    if (isOpen) this.#onChange(false);
  }
}

/**
 * Sends a request through opossum without telling it the end of a request that was given up: it would take every end but a
 * failure for a success, and a success of a probe would close the breaker.
 */
function fire<T>(breaker: CircuitBreaker, request: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const observed = async () => {
      try {
        resolve(await request());
      } catch (error) {
        reject(error);
        if (toS3Failure(error) === "aborted") await new Promise(() => {});
        throw error;
      }
    };
    breaker.fire(observed).catch(reject);
  });
}

/**
 * The requests that find out whether S3 works again, one every `everyMs`. They replace opossum's own probe: its abort would
 * count as a success, and while it lasts (a body lasts as long as its caller likes) everything else is refused. Any answer of
 * S3 closes the breaker, even a refusal. A failure opens it again. A probe that was given up proves nothing, and the next
 * request takes its place.
 */
class Probes {
  readonly #breaker: CircuitBreaker;
  readonly #everyMs: number;
  #latest: object | undefined;
  #nextAt = 0;

  constructor(breaker: CircuitBreaker, everyMs: number) {
    this.#breaker = breaker;
    this.#everyMs = everyMs;
    breaker.on("halfOpen", () => {
      this.#nextAt = 0;
    });
  }

  async send<T>(request: () => Promise<T>): Promise<T> {
    const now = performance.now();
    if (now < this.#nextAt) throw Object.assign(new Error("a probe is under way"), { code: BREAKER_OPEN_CODE });
    const probe = {};
    this.#latest = probe;
    this.#nextAt = now + this.#everyMs;
    try {
      const answer = await request();
      this.#settle(() => this.#breaker.close());
      return answer;
    } catch (error) {
      switch (toS3Failure(error)) {
        case "aborted":
          if (this.#latest === probe) this.#nextAt = 0;
          break;
        case "retryable":
          this.#settle(() => this.#breaker.open());
          break;
        default:
          this.#settle(() => this.#breaker.close());
      }
      throw error;
    }
  }

  /** A verdict is too late when another probe has already decided. */
  #settle(decide: () => void): void {
    if (this.#breaker.halfOpen) decide();
  }
}
