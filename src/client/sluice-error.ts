import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ErrorInfo,
  ErrorInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { type Status, StatusSchema } from "../../gen/google/rpc/status_pb.ts";

/** gRPC's status codes by their usual names, in the order of their numbers from 1. */
const CODES = [
  "cancelled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const;

/** Kind of failure: the name of a gRPC status code. */
export type SluiceErrorCode = (typeof CODES)[number];

/** Further facts of an error beside its message. */
export interface SluiceErrorContext {
  /** The exact reason, for programs: the service's reason, or one of the client's own (see `SluiceError`). */
  reason: string;
  details?: Readonly<Record<string, string>>;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/**
 * The one error that the client throws, apart from the reason of an aborted `signal`. `reason` is the one that the service
 * gave (`google.rpc.ErrorInfo`), or the client's own: `CONNECTION_LOST` (no answer, or cut), `TLS_UNTRUSTED`, `NOT_SLUICE`
 * (another program answers), `CLIENT_CLOSED`, `ADDRESS_INVALID`, `LANES_INVALID`, `PROTOCOL_VIOLATED`, `SOURCE_CHANGED`,
 * `SOURCE_TOO_SHORT`, `SOURCE_NOT_REWINDABLE`, `SOURCE_UNREADABLE`, `DOWNLOAD_CORRUPT`, `DESTINATION_UNWRITABLE`.
 */
export class SluiceError extends Error {
  override readonly name = "SluiceError";
  readonly code: SluiceErrorCode;
  readonly reason: string;
  /** Offending values and their bounds by name, as the service sent them. */
  readonly details: Readonly<Record<string, string>>;
  /** Milliseconds from now until another try may work; undefined when the service did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(code: SluiceErrorCode, message: string, context: SluiceErrorContext) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.reason = context.reason;
    this.details = context.details ?? {};
    this.retryAfterMs = context.retryAfterMs;
  }
}

/** Name of a gRPC status code by its number; "unknown" for numbers that gRPC does not know. */
export function toErrorCode(number: number): SluiceErrorCode {
  return CODES[number - 1] ?? "unknown";
}

/** Makes an error from the trailers of a failed gRPC call; undefined when they say OK. They must have `grpc-status`. */
export function fromGrpcTrailers(trailers: Readonly<Record<string, unknown>>): SluiceError | undefined {
  const number = Number(trailers["grpc-status"]);
  if (number === 0) return undefined;
  const message = decodeMessage(String(trailers["grpc-message"] ?? ""));
  const status = decodeStatus(trailers["grpc-status-details-bin"]);
  const details = (status?.details ?? []).map(
    (any) => anyUnpack(any, ErrorInfoSchema) ?? anyUnpack(any, RetryInfoSchema),
  );
  const known = details.filter((detail) => detail !== undefined);
  return assemble(toErrorCode(number), message, { details: known });
}

/** Turns an error of connect-node into an error of this client. An aborted `signal`'s reason wins: it is returned as it is. */
export function fromConnectError(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof SluiceError) return error;
  const connectError = ConnectError.from(error, Code.Unavailable);
  const infos = [...connectError.findDetails(ErrorInfoSchema), ...connectError.findDetails(RetryInfoSchema)];
  if (infos.length === 0) {
    if (connectError.cause !== undefined) return fromNetworkError(connectError.cause);
    // Node cancels the streams of a connection that ends. Nobody here wanted that, or the signal would have said so.
    if (connectError.code === Code.Canceled) return fromNetworkError(connectError);
  }
  return assemble(toErrorCode(connectError.code), connectError.rawMessage, { details: infos, cause: connectError });
}

/** Turns an error of Node's network layers into an error of this client: `unavailable / CONNECTION_LOST`, or a TLS refusal. */
export function fromNetworkError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const code = findNodeCode(error);
  if (/CERT|SIGNATURE|ALTNAME|SSL|TLS|EPROTO/.test(code)) {
    return new SluiceError("unavailable", `the server's TLS certificate or protocol is not accepted (${code})`, {
      reason: "TLS_UNTRUSTED",
      cause: error,
    });
  }
  const said = error instanceof Error ? error.message : String(error);
  // This code also comes when the other side is no gRPC service and speaks HTTP/1.1 alone.
  const isForeign = code === "ERR_HTTP2_ERROR";
  const why = isForeign ? `the server there does not speak HTTP/2 (${said}); check the URL` : code || said;
  return new SluiceError("unavailable", `no connection to the server: ${why}`, {
    reason: "CONNECTION_LOST",
    cause: error,
  });
}

function assemble(
  code: SluiceErrorCode,
  message: string,
  origin: { details: readonly (ErrorInfo | RetryInfo)[]; cause?: unknown },
): SluiceError {
  const context: SluiceErrorContext = { reason: code.toUpperCase(), cause: origin.cause };
  for (const detail of origin.details) {
    if (detail.$typeName === "google.rpc.ErrorInfo") {
      context.reason = detail.reason;
      context.details = detail.metadata;
    } else if (detail.retryDelay !== undefined) {
      context.retryAfterMs = Number(detail.retryDelay.seconds) * 1000 + Math.ceil(detail.retryDelay.nanos / 1e6);
    }
  }
  return new SluiceError(code, message, context);
}

/** `grpc-message` is percent-encoded UTF-8. Any other text is shown as it came. */
function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** Details are optional: an unreadable status must not hide the code and message, which could be read. */
function decodeStatus(base64: unknown): Status | undefined {
  if (typeof base64 !== "string") return undefined;
  try {
    return fromBinary(
      StatusSchema,
      Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)),
    );
  } catch {
    return undefined;
  }
}

function findNodeCode(error: unknown): string {
  for (
    let current: unknown = error, depth = 0;
    current instanceof Error && depth < 8;
    current = current.cause, depth++
  ) {
    const code = (current as { code?: unknown }).code;
    if (typeof code === "string") return code;
    if (current instanceof AggregateError && current.errors.length > 0) return findNodeCode(current.errors[0]);
  }
  return "";
}
