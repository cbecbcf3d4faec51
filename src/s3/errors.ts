import { DomainError } from "../domain/errors.ts";

/** The meaning of a failed S3 request for the next step. */
export type S3Failure =
  /** Trying again may work: 5xx, throttling, timeouts, broken connections, an open breaker. */
  | "retryable"
  /** S3 saw other bytes than the checksum says. */
  | "bad-digest"
  /** The multipart upload does not exist (any more). */
  | "no-such-upload"
  /** A part that Complete names differs from the part that S3 has. */
  | "invalid-part"
  /** A part before the last is smaller than S3 takes. */
  | "part-too-small"
  | "not-found"
  /** Storage has no room left for the bytes. */
  | "full"
  /** This server does not support the request, and never will. */
  | "unable"
  /** S3 refuses, and will refuse again: permissions, no such bucket, a request that it cannot take. */
  | "refused"
  /** The caller's own signal or reason ended it. */
  | "aborted"
  /** Neither S3 nor the way to it can cause this: it is a defect of ours. */
  | "unknown";

const RETRYABLE_NAMES = new Set([
  "SlowDown",
  "InternalError",
  "ServiceUnavailable",
  "RequestTimeout",
  "IncompleteBody",
  "RequestTimeTooSkewed",
  "RequestLimitExceeded",
  "Throttling",
  "ThrottlingException",
  "TimeoutError",
  "OperationAborted",
  // Another conditional write of the same key was under way: S3 asks for another try.
  "ConditionalRequestConflict",
  "ExpiredToken",
  "CredentialsProviderError",
  "EarlySuccess",
]);
/** S3 itself is never full. These names are those of MinIO, Ceph and versitygw, beside HTTP's 507 (RFC 4918, 11.5). */
const FULL_NAMES = new Set([
  "InsufficientStorage",
  "XMinioStorageFull",
  "QuotaExceeded",
  "XMinioAdminBucketQuotaExceeded",
]);
const NETWORK_CODES = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENETRESET",
  // This machine has run out of sockets, ports or buffers: they become free as other requests end.
  "EADDRNOTAVAIL",
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_DESTROYED",
  "EOPENBREAKER",
]);

/** TLS problems that the operator must mend: OpenSSL's verification errors (`man x509`), as node names them in `code`. */
const TLS_CODES = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "EPROTO",
]);
const TLS_CODE_PREFIX = /^(CERT_|ERR_SSL_)/;
/** A request that made no progress or was answered too late; retryable. */
export class S3TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** A success that came before all bytes had gone: it proves nothing about them. The way to S3 is at fault; retryable. */
export class S3EarlySuccessError extends Error {
  override readonly name = "EarlySuccess";

  constructor(status: number | undefined) {
    super(`storage answered ${status} before it could have had all bytes`);
  }
}

/** Storage acknowledged bytes but has other ones than were sent. This is no acknowledgement; it counts as BadDigest. */
export class S3OtherBytesError extends Error {
  override readonly name = "BadDigest";
}

/**
 * `unimplemented / STORAGE_UNABLE`: this S3 server lacks an ability that the service needs. `message` names it, and tells
 * what the operator can do about it; trying again does not help.
 */
export function storageUnable(message: string, cause?: unknown): DomainError {
  return new DomainError("unimplemented", message, { reason: "STORAGE_UNABLE", cause });
}

/** Sorts an error of the SDK or of node:http by class name, code and status, never by message. */
export function toS3Failure(error: unknown): S3Failure {
  if (!(error instanceof Error)) return "unknown";
  const { name, code, $metadata } = error as Error & { code?: unknown; $metadata?: { httpStatusCode?: number } };
  if (name === "AbortError") return "aborted";
  if (name === "BadDigest" || name === "XAmzContentChecksumMismatch") return "bad-digest";
  if (name === "NoSuchUpload") return "no-such-upload";
  if (name === "InvalidPart" || name === "InvalidPartOrder") return "invalid-part";
  if (name === "EntityTooSmall") return "part-too-small";
  if (RETRYABLE_NAMES.has(name) || isNetworkCode(code)) return "retryable";
  const status = $metadata?.httpStatusCode;
  if (FULL_NAMES.has(name) || status === 507) return "full";
  if (name === "NotImplemented" || status === 501) return "unable";
  if (name === "NoSuchKey" || name === "NotFound" || (status === 404 && name !== "NoSuchBucket")) return "not-found";
  if (status !== undefined && (status >= 500 || status === 429 || status === 408)) return "retryable";
  // EndpointError means that the SDK finds no address for the bucket as it is configured.
  return status !== undefined || name === "EndpointError" || isTlsCode(code) ? "refused" : "unknown";
}

/** S3's own code for a failure and the id of its request, for the log; undefined when S3 has not answered. */
export function toS3Answer(error: unknown): { code: string; status: number; requestId?: string } | undefined {
  if (error instanceof DomainError) return toS3Answer(error.cause);
  if (!(error instanceof Error)) return undefined;
  const { $metadata = {} } = error as Error & { $metadata?: { httpStatusCode?: number; requestId?: string } };
  const { httpStatusCode: status, requestId } = $metadata;
  return status === undefined ? undefined : { code: error.name, status, ...(requestId !== undefined && { requestId }) };
}

/** Whether a code says that TLS could not be set up, which the operator must mend. */
export function isTlsCode(code: unknown): boolean {
  return typeof code === "string" && (TLS_CODES.has(code) || TLS_CODE_PREFIX.test(code));
}

/** HPE_… means that node's HTTP parser met the end of an answer, or garbage, in the middle of it. */
function isNetworkCode(code: unknown): boolean {
  return typeof code === "string" && (NETWORK_CODES.has(code) || code.startsWith("HPE_"));
}

/**
 * The caller's error for a request that failed for good. The vendor's own message stays in `cause`. An error that S3 has not
 * caused is returned as it is: it becomes `internal` for the caller, and a stack in the log.
 */
export function toDomainError(error: unknown, what: string): unknown {
  if (error instanceof DomainError) return error;
  switch (toS3Failure(error)) {
    case "bad-digest":
      return new DomainError("aborted", `${what}: storage saw other bytes than the checksum says; send them again`, {
        reason: "CHECKSUM_MISMATCH",
        cause: error,
      });
    case "no-such-upload":
      return new DomainError("aborted", `${what}: storage no longer has the upload; begin a new one`, {
        reason: "UPLOAD_LOST",
        cause: error,
      });
    case "invalid-part":
      return new DomainError("aborted", `${what}: storage has other parts than were recorded; send the gaps again`, {
        reason: "CHECKSUM_MISMATCH",
        cause: error,
      });
    case "part-too-small":
      return new DomainError(
        "aborted",
        `${what}: storage takes no parts as small as the upload's; set SLUICE_PART_SIZE_BYTES to what it takes (S3: 5 MiB), and begin a new upload`,
        { reason: "STORAGE_UNABLE", cause: error },
      );
    case "full":
      return new DomainError("unavailable", `${what}: storage is full; try again once its operator has made room`, {
        reason: "STORAGE_FULL",
        retryAfterMs: 60_000,
        cause: error,
      });
    case "unable":
      return storageUnable(`${what}: storage does not do that; "sluice doctor" shows what this S3 server lacks`, error);
    case "not-found":
      return new DomainError("data_loss", `${what}: storage does not have the object`, {
        reason: "FILE_NOT_FOUND",
        cause: error,
      });
    case "aborted":
    case "retryable":
      return new DomainError("unavailable", `${what}: storage does not answer; try again`, {
        reason: "STORAGE_UNAVAILABLE",
        retryAfterMs: 1000,
        cause: error,
      });
    case "unknown":
      return error;
    case "refused":
      return new DomainError("unavailable", `${what}: ${toRefusal(error)}`, {
        reason: "STORAGE_UNAVAILABLE",
        retryAfterMs: 60_000,
        cause: error,
      });
  }
}

/** What the operator has to mend about a refusal. */
function toRefusal(error: unknown): string {
  const code = String((error as { code?: unknown }).code);
  if (!isTlsCode(code)) return "storage refuses the service; its operator must mend that";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "storage has a certificate for other names than its endpoint's";
  // Node calls an alert in the handshake EPROTO when it meets a write: the code alone does not tell a missing version apart.
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return "storage does not agree on TLS; set SLUICE_S3_TLS_MIN=1.2 if storage has no TLS 1.3, or correct SLUICE_S3_ENDPOINT";
  }
  return "storage has a certificate that is not trusted; name its authority in NODE_EXTRA_CA_CERTS";
}
