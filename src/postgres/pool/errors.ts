import {
  BackendTerminatedError,
  BackendTerminatedUnexpectedlyError,
  ConnectionError,
  IdleTransactionTimeoutError,
  InvalidInputError,
  StatementCancelledError,
  StatementTimeoutError,
  UnexpectedStateError,
} from "slonik";
import { DomainError } from "../../domain/errors.ts";
import { BorderCall } from "./border-call.ts";

/** When a caller may try again after the database was gone, in milliseconds: about a failover's shortest gap. */
const RETRY_AFTER_MS = 1_000;

/** The errors of slonik when the connection, not the statement, is at fault; UnexpectedStateError is an ended pool. */
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
/** disk_full: a failed extension of a file rolls back and harms nothing; reading goes on. */
const FULL_STATE = "53100";
/** check_violation without a constraint: no partition takes the row. The job that makes partitions mends it within a minute. */
const NO_PARTITION_STATE = "23514";
/** When a caller may try again after the disk was full, in milliseconds: somebody has to make room. */
const RETRY_AFTER_FULL_MS = 60_000;
/** protocol_violation, by which PgBouncer refuses a session: its settings, its login or its database. */
const POOLER_REFUSED_STATE = "08P01";
/** A login or database name that the server does not know: our configuration, or a password that was changed. */
const REFUSED_STATES = /^(28...|3D000)$/;
/** A certificate that is valid, but not for the name of the URL. */
const OTHER_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";
/** OpenSSL's verification errors (`man x509_verify_cert_error_string`), as Node names them, and failures of the handshake. */
const UNTRUSTED_CODES =
  /^(CERT_\w+|(DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)\w+|ERR_SSL_\w+|EPROTO)$/;
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

/** `unavailable / DATABASE_UNAVAILABLE` for a server that takes no TLS, or does not answer over it. */
export function databaseUnsecured(cause: unknown): DomainError {
  return unavailable("does not answer over TLS; turn its ssl on, or check the host and port of its URL", cause);
}

function unavailable(problem: string, cause: unknown): DomainError {
  return new DomainError("unavailable", `the metadata database ${problem}`, {
    reason: "DATABASE_UNAVAILABLE",
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
}

function databaseFull(cause: unknown): DomainError {
  const message = "the disk of the metadata database is full; try again once its operator has made room";
  return new DomainError("unavailable", message, {
    reason: "DATABASE_FULL",
    retryAfterMs: RETRY_AFTER_FULL_MS,
    cause,
  });
}

/** Our error for an error of slonik, pg or the network; an error that means nothing here is returned as it is. */
export function toDomainError(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  const code = codeOf(error);
  if (REFUSED_STATES.test(code)) return loginRefused(error);
  if (code === POOLER_REFUSED_STATE) {
    return unavailable(
      "is behind a pooler that refuses the session; write pooler=transaction into its URL, or check user, password and database name",
      error,
    );
  }
  if (code === FULL_STATE) return databaseFull(error);
  if (code === OTHER_NAME) {
    return unavailable("has a certificate for other names than that of its URL; write one that is in it", error);
  }
  if (UNTRUSTED_CODES.test(code)) {
    return unavailable("has a certificate that is not trusted; name its authority in SLUICE_DATABASE_CA", error);
  }
  if (code === NO_PARTITION_STATE && !hasConstraint(error)) return databaseUnavailable(error);
  if (UNAVAILABLE_CLASSES.some((type) => error instanceof type)) return databaseUnavailable(error);
  return UNAVAILABLE_STATES.test(code) || UNAVAILABLE_SYSTEM.test(code) ? databaseUnavailable(error) : error;
}

/** The error's own code, or that of the error that slonik has wrapped. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return "code" in error ? String(error.code) : codeOf(error.cause);
}

/**
 * Returns true for an error that the values of its statement have caused (a data exception, a violated constraint, a value too long for an
 * index), and false for one that the state of the server has caused. Slonik replaces 22P02 by an error without a code.
 */
export function isOfValues(error: unknown): boolean {
  if (error instanceof InvalidInputError) return true;
  const code = codeOf(error);
  return /^(22|23|54)/.test(code) && (code !== NO_PARTITION_STATE || hasConstraint(error));
}

function hasConstraint(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("constraint" in error && error.constraint != null) || hasConstraint(error.cause);
}

function loginRefused(cause: unknown): DomainError {
  const message =
    "the metadata database refuses the login; check user, password and database name of its URL, and with " +
    "SLUICE_DATABASE_AUTH=rds-iam that the user has rds_iam and the service's role rds-db:connect";
  return new DomainError("unavailable", message, {
    reason: "DATABASE_UNAVAILABLE",
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
}

/** The end of the name that a partition's constraint or index has, which deploy/postgres/partition-by-namespace.sql gives it. */
const PARTITION_END = /_p\d+$/;

/** Whether a statement failed on the constraint or unique index of that name, or on that of a partition. */
export function violates(error: unknown, constraint: string): boolean {
  if (!(error instanceof Error) || !("constraint" in error)) return false;
  return String(error.constraint).replace(PARTITION_END, "") === constraint;
}

// biome-ignore lint/suspicious/noExplicitAny: methods of any shape are wrapped without looking at what they take
type Methods = Record<string, (...parameters: any[]) => Promise<unknown>>;

/** Bounds of the calls that cross the border. */
interface BorderLimits {
  /** Longest call, waiting for a connection included. */
  deadlineMs: number;
  /** Calls under way at once; more are refused at once. */
  callsMax: number;
}

/** Above the pool's longest statement, so that the server's own verdict is heard when it can be. */
const BORDER_LIMITS_DEFAULT: BorderLimits = { deadlineMs: 15_000, callsMax: 2_000 };

/**
 * A border: wraps methods, translates their errors once, and bounds their calls in number and time, all of them together; a call
 * beyond the bounds is DATABASE_UNAVAILABLE. A network that swallows packets says nothing for minutes: a call that meets the
 * deadline is given up, the connection of its statement is cut, and the call counts until its statement has ended. Nobody knows
 * what the statement did; the methods are safe to repeat.
 */
export function createBorder(limits: Partial<BorderLimits> = {}) {
  const { deadlineMs, callsMax } = { ...BORDER_LIMITS_DEFAULT, ...limits };
  let calls = 0;
  return <T extends { [K in keyof T]: Methods[string] }>(methods: T): T => {
    const wrapped: Methods = {};
    for (const [name, method] of Object.entries<Methods[string]>(methods)) {
      wrapped[name] = async (...parameters) => {
        if (calls >= callsMax) throw databaseUnavailable(new Error(`${calls} calls are under way`));
        calls++;
        const call = new BorderCall();
        const work = call.run(() => method(...parameters));
        try {
          return await withDeadline(
            work.finally(() => calls--),
            { call, deadlineMs },
          );
        } catch (error) {
          throw toDomainError(error);
        }
      };
    }
    return wrapped as T;
  };
}

/** The same methods behind a border of their own. */
export function atBorder<T extends { [K in keyof T]: Methods[string] }>(methods: T, limits?: Partial<BorderLimits>): T {
  return createBorder(limits)(methods);
}

function withDeadline<T>(work: Promise<T>, { call, deadlineMs }: { call: BorderCall; deadlineMs: number }): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      const cause = new Error(`no answer from the database within ${deadlineMs} ms`);
      reject(databaseUnavailable(cause));
      call.giveUp(cause);
    }, deadlineMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
