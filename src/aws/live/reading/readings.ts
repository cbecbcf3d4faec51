import { LiveAwsProblem } from "../comparison/live-facets.ts";
import { inTurns } from "./turns.ts";

/** Requests at once: far fewer than S3, IAM and Access Analyzer refuse. */
const READINGS_AT_ONCE_MAX = 8;
/** Time for all readings together, in milliseconds: a reading that is not done by then is reported as unreadable. */
const TIME_MAX_MS = 120_000;

/** The value that was read, or the problem that prevented it. */
export type Reading<T> = { readonly value: T } | { readonly problem: LiveAwsProblem };

/** Reads one thing when its turn has come. Throws problems that every further reading would meet, too. */
export type Read = <T>(one: (signal: AbortSignal) => Promise<T>) => Promise<Reading<T>>;

/**
 * Runs the readings, with a bounded number of requests at once and in a bounded time, and resolves to all results, in order.
 * The first reading that throws ends the others. Without valid credentials it throws `LiveAwsProblem` of the kind
 * `credentials`; once the signal is aborted, it throws the signal's reason.
 */
export async function runReadings<T>(
  start: (read: Read) => readonly Promise<T>[],
  { signal }: { signal: AbortSignal },
): Promise<T[]> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIME_MAX_MS)]);
  const turn = inTurns(READINGS_AT_ONCE_MAX);
  const stop = new AbortController();
  const running = start(async (one) => await turn(() => tryReading(one, AbortSignal.any([limited, stop.signal]))));
  try {
    const all = await Promise.all(running);
    signal.throwIfAborted();
    return all;
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(running);
    signal.throwIfAborted();
    throw error;
  }
}

async function tryReading<T>(one: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<Reading<T>> {
  try {
    signal.throwIfAborted();
    return { value: await one(signal) };
  } catch (error) {
    if (error instanceof LiveAwsProblem && error.kind !== "credentials") return { problem: error };
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    if (isLate) return { problem: new LiveAwsProblem("failed", `not read within ${TIME_MAX_MS / 1000} s`) };
    throw error;
  }
}
