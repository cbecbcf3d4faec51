import CircuitBreaker from "opossum";
import { toS3Failure } from "./errors.ts";

/** Classes of requests that fail together; each has a breaker of its own. */
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

/** Runs one S3 request behind the breaker of its class; rejects with code EOPENBREAKER while that is open. */
export type Breakers = <T>(operationClass: OperationClass, request: () => Promise<T>) => Promise<T>;

/** The code of opossum's refusals; errors.ts compares it. */
const OPEN_CODE = "EOPENBREAKER";

/**
 * One opossum breaker for each class, around each single request. opossum's timeout is not used: a streamed body may rightly
 * take long, and the code that sends the bytes watches for silence. Outcomes that say nothing about S3's health do not count:
 * refusals of this one request, wrong checksums, and requests that this process gave up.
 */
export function createBreakers(
  limits: BreakerLimits,
  onChange: (name: OperationClass, isOpen: boolean) => void,
): Breakers {
  const create = (name: OperationClass) => {
    const breaker = new CircuitBreaker((request: () => Promise<unknown>) => request(), {
      name,
      timeout: false,
      errorThresholdPercentage: limits.failurePercentMax,
      volumeThreshold: limits.requestsMin,
      rollingCountTimeout: limits.windowMs,
      rollingCountBuckets: 10,
      resetTimeout: limits.openMs,
      errorFilter: (error: unknown) => toS3Failure(error) !== "retryable",
    });
    breaker.on("open", () => onChange(name, true));
    breaker.on("close", () => onChange(name, false));
    const probes = new Probes(breaker, limits.openMs);
    return <T>(request: () => Promise<T>) => (breaker.halfOpen ? probes.send(request) : fire(breaker, request));
  };
  const breakers = {
    body: create("body"),
    control: create("control"),
    read: create("read"),
    copy: create("copy"),
    probe: create("probe"),
  } satisfies Record<OperationClass, unknown>;
  return (operationClass, request) => breakers[operationClass](request);
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
    if (now < this.#nextAt) throw Object.assign(new Error("a probe is under way"), { code: OPEN_CODE });
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
