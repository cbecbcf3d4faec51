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
/**
 * Characters of the proxies' addresses that are logged, counted from the end: anybody may have written the addresses
 * before.
 */
const FORWARDED_MAX_CHARACTERS = 200;

/**
 * Logs failed authentications: a line says why and from where, never what was sent. In a flood the first ten within a
 * minute get a line each, and all others share one line when the minute is over. `trustedProxies` is the number from the
 * environment: with 0, nothing that a caller can write comes into the log.
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
