/** The kind of a failure; each has one gRPC code and one HTTP status (rpc/calls/errors.ts). */
export type ErrorCode =
  | "invalid_argument"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "already_exists"
  | "failed_precondition"
  | "aborted"
  | "resource_exhausted"
  | "unavailable"
  | "data_loss"
  | "deadline_exceeded"
  | "unimplemented"
  | "internal";

/** The exact reason, for programs. Reasons are part of the API and are never renamed. */
export type ErrorReason =
  | "ARGUMENT_INVALID"
  | "PATH_INVALID"
  | "SIZE_INVALID"
  | "SIZE_LIMIT"
  | "SIZE_MISMATCH"
  | "OFFSET_MISMATCH"
  | "CHUNK_TOO_LARGE"
  | "MESSAGE_TOO_LARGE"
  | "MESSAGE_MALFORMED"
  | "SEQUENCE_INVALID"
  | "METHOD_UNKNOWN"
  | "CHECKSUM_MISMATCH"
  | "TOKEN_MISSING"
  | "TOKEN_INVALID"
  | "TOKEN_EXPIRED"
  | "TOKEN_NOT_YET_VALID"
  | "TOKEN_ISSUER_UNKNOWN"
  | "TOKEN_KEY_UNKNOWN"
  | "TOKEN_AUDIENCE_WRONG"
  | "TOKEN_CLAIM_REFUSED"
  | "ISSUER_UNAVAILABLE"
  | "STS_UNAVAILABLE"
  | "PERMISSION_DENIED"
  | "GRANT_INVALID"
  | "NAMESPACE_NOT_FOUND"
  | "NAMESPACE_EXISTS"
  | "NAMESPACE_NOT_EMPTY"
  | "PREFIX_OVERLAPS"
  | "RESIDENCY_VIOLATION"
  | "FILE_NOT_FOUND"
  | "FILE_EXISTS"
  | "GENERATION_MISMATCH"
  | "ETAG_MISMATCH"
  | "FILE_RETAINED"
  | "FILE_PURGED"
  | "FILE_LIVE"
  | "LINK_NOT_FOUND"
  | "AUDIT_LOG_OFF"
  | "AUDIT_LOG_BROKEN"
  | "AUDIT_ENTRY_NOT_FOUND"
  | "AUDIT_ENTRY_UNPUBLISHED"
  | "SUBSCRIPTION_NOT_FOUND"
  | "OPERATION_NOT_FOUND"
  | "SUBSCRIPTIONS_FULL"
  | "WEBHOOKS_OFF"
  | "UPLOAD_TOKENS_OFF"
  | "UPLOAD_TOKEN_USED_UP"
  | "UPLOAD_NOT_FOUND"
  | "UPLOAD_NOT_OPEN"
  | "UPLOAD_INCOMPLETE"
  | "UPLOAD_LOST"
  | "REQUEST_ID_INVALID"
  | "REQUEST_ID_REUSED"
  | "PAGE_TOKEN_INVALID"
  | "EVENTS_RESET"
  | "FILTER_INVALID"
  | "ORDER_INVALID"
  | "RANGE_INVALID"
  | "CONFIGURATION_INVALID"
  | "WRITER_FENCED"
  | "CONTENDED"
  | "STALLED"
  | "DEADLINE_EXCEEDED"
  | "OVERLOADED"
  | "QUOTA_REQUESTS"
  | "QUOTA_BYTES_PER_DAY"
  | "QUOTA_STORAGE"
  | "SHUTTING_DOWN"
  | "STORAGE_UNAVAILABLE"
  | "STORAGE_UNABLE"
  | "STORAGE_FULL"
  | "DATABASE_UNAVAILABLE"
  | "DATABASE_FULL"
  | "AUDIT_UNAVAILABLE"
  | "CALLER_GONE"
  | "INTERNAL";

/** What an error may carry beside its code and message. */
export interface ErrorContext {
  reason: ErrorReason;
  /** What caused it; logged, never sent to a caller. */
  cause?: unknown;
  /** The offending value and its bound, by name; sent to the caller. */
  details?: Readonly<Record<string, string | number>>;
  /** Field of the request that is wrong, as in the proto. */
  field?: string;
  /** When trying again may work, in milliseconds. */
  retryAfterMs?: number;
  /** What the journal says where the caller must not know the reason; the caller never hears it. */
  hidden?: ErrorReason;
}

/**
 * The one error that may reach a caller. The message is a sentence that says what is wrong and what would be right;
 * it never quotes a vendor's message, SQL or a secret. Anything else that is thrown is a defect: `internal` for the
 * caller, a stack trace in the log.
 */
export class DomainError extends Error {
  override readonly name = "DomainError";
  readonly code: ErrorCode;
  readonly reason: ErrorReason;
  readonly details: Readonly<Record<string, string | number>>;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly hidden: ErrorReason | undefined;

  constructor(code: ErrorCode, message: string, context: ErrorContext) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.reason = context.reason;
    this.details = context.details ?? {};
    this.field = context.field;
    this.retryAfterMs = context.retryAfterMs;
    this.hidden = context.hidden;
  }

  /** The same error with more details, for instance the durable offset that every upload error carries. */
  withDetails(details: Readonly<Record<string, string | number>>): DomainError {
    return this.#copy({ details: { ...this.details, ...details } });
  }

  /** The same error with another sentence. */
  withMessage(message: string): DomainError {
    return this.#copy({ message });
  }

  /** The same error, of which the journal says another reason. */
  hiding(hidden: ErrorReason): DomainError {
    return this.#copy({ hidden });
  }

  #copy(changes: Partial<Pick<DomainError, "message" | "details"> & { hidden: ErrorReason }>): DomainError {
    const { code, message, details, reason, field, retryAfterMs, cause, hidden = changes.hidden } = this;
    return new DomainError(code, changes.message ?? message, {
      reason,
      details: changes.details ?? details,
      ...(cause !== undefined && { cause }),
      ...(field !== undefined && { field }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(hidden !== undefined && { hidden }),
    });
  }
}

/** The usual refusal of a request field: `invalid_argument` with the field's name. */
export function invalidArgument(
  field: string,
  message: string,
  context: Partial<Omit<ErrorContext, "field">> = {},
): DomainError {
  return new DomainError("invalid_argument", message, { reason: "ARGUMENT_INVALID", ...context, field });
}
