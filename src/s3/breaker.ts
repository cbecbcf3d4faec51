import CircuitBreaker from "opossum";
import { toS3Failure } from "./errors.ts";

/** Classes of requests that fail together; each has a breaker of its own. */
export type OperationClass = "body" | "control" | "read" | "copy";

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

/**
 * One opossum breaker a class, around each single request. No timeout of opossum's: a streamed body may rightly take
 * long, and silence is watched where the bytes go. What says nothing about S3's health does not count: refusals of
 * this one request, wrong checksums, and requests that were given up here.
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
    return breaker;
  };
  const breakers = {
    ...{ body: create("body"), control: create("control"), read: create("read"), copy: create("copy") },
  } satisfies Record<OperationClass, unknown>;
  return (operationClass, request) => breakers[operationClass].fire(request) as ReturnType<typeof request>;
}
