import { setTimeout as delay } from "node:timers/promises";
import { SluiceError } from "../sluice-error.ts";
import type { Route } from "./addresses.ts";

/**
 * How often and for how long to try again. Both bounds count from the first failure after the last success (a byte durable or
 * downloaded, a report seen, an answer). When either is reached, the error is final.
 */
export interface RetryLimits {
  /** Failures in a row: with 4, the fourth is final. */
  triesMax: number;
  /** No try begins later than this after the first failure, in milliseconds. A try that has begun ends by its own timeouts. */
  timeMaxMs: number;
  /** Upper bound of the random wait before the first retry, in milliseconds. It doubles with each failure. */
  delayBaseMs: number;
  /** Largest upper bound of a random wait, in milliseconds. The service may ask for more; `timeMaxMs` bounds that too. */
  delayMaxMs: number;
}

/**
 * The limits let an outage of two minutes pass, such as a restart of the service or a failover of its database: the waits of
 * 30 tries outlast it even when each try fails at once. After three minutes the error is final.
 */
export const RETRY_LIMITS_DEFAULT: RetryLimits = {
  triesMax: 30,
  timeMaxMs: 180_000,
  delayBaseMs: 200,
  delayMaxMs: 20_000,
};

/**
 * Tries as long as none of a client's addresses has ever answered (but at least one for each address): if nothing ever worked, a wrong
 * URL is more likely than an outage.
 */
const FIRST_TRIES_MAX = 4;

/** Reasons after which a retry may succeed although their codes are otherwise final: cut, stalled, or damaged. */
const TRANSIENT_REASONS = new Set(["CONNECTION_LOST", "STALLED", "SHUTTING_DOWN"]);

/**
 * Whether trying again may help. `WRITER_FENCED` is final: a later writer has the upload, and if each took it back from the
 * other, two writers of one file would do so for ever. An error with `lost_parts` is not final: storage did not have the recorded
 * parts, the upload is open again, and the source still has the bytes. When no part is lost, there is nothing to send again.
 */
export function isRetryable(error: unknown): error is SluiceError {
  if (!(error instanceof SluiceError) || error.reason === "TLS_UNTRUSTED") return false;
  if (error.code === "unavailable" || TRANSIENT_REASONS.has(error.reason)) return true;
  return error.retryAfterMs !== undefined || Number(error.details.lost_parts ?? 0) > 0;
}

/** The time, in milliseconds, that retries go by. `sleep` rejects with the signal's reason. */
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
  /** Notes progress: the next failure counts as the first. */
  reset(): void;
  /** Notes that others made progress on the same work: the limits count from the start again, but the waits keep their length. */
  extend(): void;
  /** Waits before the next try. Throws `error` when it is final, and an error made from it when the limits are reached. */
  waitAfter(error: unknown, options: { signal: AbortSignal }): Promise<void>;
}

/** Options of retries beside their limits. */
export interface RetryOptions {
  /** Gives numbers from 0 to 1. */
  random?: (() => number) | undefined;
  /** Each retry moves this route to its next address. As long as none of its addresses has ever answered, there are four tries. */
  route?: Route<{ name: string }> | undefined;
  clock?: RetryClock;
  /** Whether an error that is otherwise final has lost its cause: the token that was refused has been replaced. */
  renew?: ((error: unknown) => Promise<boolean>) | undefined;
}

/**
 * Exponential backoff with full jitter: each wait is drawn evenly from 0 to the bound, which spreads callers best after an
 * outage. It is never shorter than the service asked for. When the limits are reached, the last error is thrown. Its message
 * then says so, and names the addresses that were tried since the last progress.
 */
export function createRetries(
  limits: RetryLimits,
  { random = Math.random, route, clock = REAL_CLOCK, renew }: RetryOptions = {},
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
      if (!(error instanceof SluiceError) || !(isRetryable(error) || (await renew?.(error)) === true)) throw error;
      failures++;
      counted++;
      failingSince ??= clock.now();
      if (route !== undefined) tried.add(route.current.name);
      const boundMs = Math.min(limits.delayMaxMs, limits.delayBaseMs * 2 ** (failures - 1));
      const waitMs = Math.max(error.retryAfterMs ?? 0, random() * boundMs);
      const triesMax =
        route === undefined || route.hasAnswered
          ? limits.triesMax
          : Math.min(Math.max(FIRST_TRIES_MAX, route.length), limits.triesMax);
      if (counted >= triesMax || clock.now() + waitMs - failingSince > limits.timeMaxMs) {
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
