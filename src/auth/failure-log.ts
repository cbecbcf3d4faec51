import { DomainError } from "../domain/errors.ts";
import type { Authenticator } from "./authenticator.ts";

/** Where failures are written; a pino logger fits. */
export interface FailureLog {
  warn(fields: object, message: string): void;
}

/** Failures that get a line of their own in each window: enough to see who tries what, and too few to fill a disk. */
const LINES_MAX = 10;
/** How long a window lasts, in milliseconds. */
const WINDOW_MS = 60_000;
/** Of the addresses that proxies add, the last ones, in characters: those further left anybody may have written. */
const FORWARDED_MAX_CHARACTERS = 200;

/**
 * Has failed authentications leave a trace: a line that says why and from where, never what was sent. Of a flood, the first ten
 * within a minute get theirs, and the others one line together when the minute is over. `trustedProxies` as the environment
 * says it: with none, nothing that a caller can write stands in the log.
 */
export function logFailures(
  authenticate: Authenticator,
  { log, trustedProxies }: { log: FailureLog; trustedProxies: number },
): Authenticator {
  let failures = 0;
  const endWindow = () => {
    const unwritten = failures - LINES_MAX;
    failures = 0;
    if (unwritten > 0)
      log.warn({ failures: unwritten }, "more callers failed to authenticate, without lines of their own");
  };
  return async (header, connectedFrom) => {
    try {
      return await authenticate(header, connectedFrom);
    } catch (error) {
      if (error instanceof DomainError && error.code === "unauthenticated") {
        if (failures === 0) setTimeout(endWindow, WINDOW_MS).unref();
        failures++;
        const forwardedFor =
          trustedProxies > 0 ? header("x-forwarded-for")?.slice(-FORWARDED_MAX_CHARACTERS) : undefined;
        const { reason } = error;
        if (failures <= LINES_MAX) log.warn({ reason, connectedFrom, forwardedFor }, "a caller failed to authenticate");
      }
      throw error;
    }
  };
}
