import { setTimeout as delay } from "node:timers/promises";
import type { Route } from "./addresses.ts";
import { SluiceError } from "./sluice-error.ts";

/**
 * How often and for how long to try again. Both bounds count from the first failure after the last thing that was
 * achieved (a byte durable or downloaded, a report seen, an answer); whichever is reached first makes the error final.
 */
export interface RetryLimits {
  /** Failures in a row: with 4, the fourth is final. */
  triesMax: number;
  /** No try begins later than this after the first failure, in milliseconds. One that has begun is ended by its own timeouts. */
  timeMaxMs: number;
  /** Longest wait that is drawn before the first try again, in milliseconds; doubles with each failure. */
  delayBaseMs: number;
  /** Longest wait that is drawn, in milliseconds. The service may ask for a longer one; `timeMaxMs` bounds that too. */
  delayMaxMs: number;
}

/**
 * An outage of two minutes passes unseen, a restart of the service or a failover of its database: the waits of 30 tries
 * outlast it even where each try fails at once. After three minutes the error is final.
 */
export const RETRY_LIMITS_DEFAULT: RetryLimits = {
  triesMax: 30,
  timeMaxMs: 180_000,
  delayBaseMs: 200,
  delayMaxMs: 20_000,
};

/** Tries before the service has answered once (at least one an address): what never worked is more likely a wrong URL than an outage. */
export const FIRST_TRIES_MAX = 4;

/** Reasons under codes that are otherwise final, after which the same bytes may pass: cut, stalled, or damaged on the way. */
const TRANSIENT_REASONS = new Set(["CONNECTION_LOST", "STALLED", "SHUTTING_DOWN"]);

/**
 * Whether trying again may help. `WRITER_FENCED` is final: a fence says that a later writer has the upload; taking it back
 * would make two writers of one file chase one another for ever. An error that tells `lost_parts` is not: storage did not have what
 * was recorded, the upload is open again, and the source still has the bytes. With none lost there is nothing to send again.
 */
export function isRetryable(error: unknown): error is SluiceError {
  if (!(error instanceof SluiceError) || error.reason === "TLS_UNTRUSTED") return false;
  if (error.code === "unavailable" || TRANSIENT_REASONS.has(error.reason)) return true;
  return error.retryAfterMs !== undefined || Number(error.details.lost_parts ?? 0) > 0;
}

/** Time, in milliseconds, as retries see it. `sleep` rejects with the signal's reason. */
export interface RetryClock {
  now(): number;
  sleep(ms: number, options: { signal: AbortSignal }): Promise<void>;
}

const REAL_CLOCK: RetryClock = {
  now: () => performance.now(),
  sleep: (ms, { signal }) => delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted()),
};

/** Counts the failures of one piece of work and waits between them. */
export interface Retries {
  /** Something was achieved: the next failure counts as the first. */
  reset(): void;
  /** Others achieved something for the same end: the limits count anew, the waits stay as long as they had become. */
  extend(): void;
  /** Waits before the next try; throws `error` when it is final, and what it became when the limits are reached. */
  waitAfter(error: unknown, options: { signal: AbortSignal }): Promise<void>;
}

/** What retries may be told beside their limits. */
export interface RetryOptions {
  /** 0 to 1. */
  random?: (() => number) | undefined;
  /** Each try goes to the next address of it. */
  route?: Route<{ name: string }> | undefined;
  clock?: RetryClock;
}

/**
 * Exponential backoff with full jitter (a wait drawn evenly from 0 to the bound, which spreads callers best after an
 * outage), never shorter than what the service asked for. When the limits are reached, the last error is thrown with a message that
 * says so and names the addresses that were tried since something was achieved.
 */
export function createRetries(
  limits: RetryLimits,
  { random = Math.random, route, clock = REAL_CLOCK }: RetryOptions = {},
): Retries {
  const tried = new Set<string>();
  let failures = 0;
  let counted = 0;
  let failingSince: number | undefined;
  const extend = () => {
    counted = 0;
    failingSince = undefined;
  };
  return {
    extend,
    reset() {
      failures = 0;
      tried.clear();
      extend();
    },
    async waitAfter(error, { signal }) {
      signal.throwIfAborted();
      if (!isRetryable(error)) throw error;
      failures++;
      counted++;
      failingSince ??= clock.now();
      if (route !== undefined) tried.add(route.current.name);
      const boundMs = Math.min(limits.delayMaxMs, limits.delayBaseMs * 2 ** (failures - 1));
      const waitMs = Math.max(error.retryAfterMs ?? 0, random() * boundMs);
      if (counted >= limits.triesMax || clock.now() + waitMs - failingSince > limits.timeMaxMs) {
        throw givenUp(error, counted, [...tried]);
      }
      route?.next();
      await clock.sleep(waitMs, { signal });
    },
  };
}

function givenUp(error: SluiceError, tries: number, addresses: readonly string[]): SluiceError {
  const where = addresses.length === 0 ? "" : ` at ${addresses.join(" and ")}`;
  const message = `gave up after ${tries} ${tries === 1 ? "try" : "tries"}${where}: ${error.message}`;
  const { reason, details, retryAfterMs } = error;
  return new SluiceError(error.code, message, { reason, details, retryAfterMs, cause: error });
}
