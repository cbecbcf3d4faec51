import {
  BackendTerminatedError,
  BackendTerminatedUnexpectedlyError,
  ConnectionError,
  IdleTransactionTimeoutError,
  StatementCancelledError,
  StatementTimeoutError,
  UnexpectedStateError,
} from "slonik";
import { DomainError } from "../domain/errors.ts";

/** When a caller may try again after the database was gone, in milliseconds: about a failover's shortest gap. */
const RETRY_AFTER_MS = 1_000;

/** What slonik throws when the connection, not the statement, is at fault; UnexpectedStateError is an ended pool. */
const UNAVAILABLE_CLASSES = [
  ConnectionError,
  BackendTerminatedError,
  BackendTerminatedUnexpectedlyError,
  IdleTransactionTimeoutError,
  StatementCancelledError,
  StatementTimeoutError,
  UnexpectedStateError,
];

/**
 * SQLSTATE classes and codes after which the same statement may work later: connection exceptions, transaction rollback
 * (deadlocks that outlived the retries), insufficient resources (too many connections), operator intervention, a server
 * that became read-only (failover), lock timeout. https://www.postgresql.org/docs/15/errcodes-appendix.html
 */
const UNAVAILABLE_STATES = /^(08...|40...|53...|57...|58...|25006|55P03)$/;
/** libuv's names of network failures. */
const UNAVAILABLE_SYSTEM =
  /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;

/** `unavailable / DATABASE_UNAVAILABLE` with the cause for the log. */
export function databaseUnavailable(cause: unknown): DomainError {
  return new DomainError("unavailable", "the metadata database cannot be reached; try again shortly", {
    reason: "DATABASE_UNAVAILABLE",
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
}

/** What an error of slonik, pg or the network means to us; one that means nothing here is returned as it is. */
export function toDomainError(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  if (UNAVAILABLE_CLASSES.some((type) => error instanceof type)) return databaseUnavailable(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return UNAVAILABLE_STATES.test(code) || UNAVAILABLE_SYSTEM.test(code) ? databaseUnavailable(error) : error;
}

/** Whether a statement failed on the constraint or unique index of that name. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof Error && "constraint" in error && error.constraint === constraint;
}

// biome-ignore lint/suspicious/noExplicitAny: methods of any shape are wrapped without looking at what they take
type Methods = Record<string, (...parameters: any[]) => Promise<unknown>>;

/**
 * The same methods, with their errors translated once and each call bounded: a call that lasts longer than `deadlineMs`
 * rejects with DATABASE_UNAVAILABLE (a network that swallows packets says nothing for minutes; what the statement did
 * is then unknown, and the methods are safe to repeat).
 */
export function atBorder<T extends { [K in keyof T]: Methods[string] }>(
  methods: T,
  options: { deadlineMs: number },
): T {
  const wrapped: Methods = {};
  for (const [name, method] of Object.entries<Methods[string]>(methods)) {
    wrapped[name] = async (...parameters) => {
      try {
        return await withDeadline(method(...parameters), options.deadlineMs);
      } catch (error) {
        throw toDomainError(error);
      }
    };
  }
  return wrapped as T;
}

function withDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(databaseUnavailable(new Error(`no answer from the database within ${deadlineMs} ms`)));
    }, deadlineMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
