import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorFromJsonBytes, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { DomainError } from "../../domain/errors.ts";
import { ERROR_STATUS, toErrorDetails } from "./errors.ts";

/**
 * Errors that Connect raises itself, before any interceptor sees the call: a message over the limit, or bytes that are no
 * protobuf. They have no details, and unreadable protobuf is even called `internal`. This file gives them the code and the
 * reason that all errors of the service have. It changes the response, because Connect offers no other place: it reads and
 * parses unary requests outside the interceptors.
 */

const ENVELOPE_HEADER_BYTES = 5;

/** Adds a reason to an error that Connect raised over the form of a request. Any other error stays as it is. */
export function explainProtocolError(error: ConnectError): ConnectError {
  if (error.details.length > 0) return error;
  const explained = toDomainError(error);
  if (explained === undefined) return error;
  const code: Code = ERROR_STATUS[explained.code].grpc;
  return new ConnectError(explained.message, code, error.metadata, toErrorDetails(explained), error);
}

/** Rewrites such errors in a response of any of the three protocols on its way out. */
export function explainProtocolErrors(response: UniversalServerResponse): UniversalServerResponse {
  const { body, header, trailer } = response;
  const contentType = header?.get("content-type") ?? "";
  if (body === undefined || header === undefined) return response;
  if (contentType.startsWith("application/grpc-web")) return { ...response, body: explainWebTrailer(body) };
  if (contentType.startsWith("application/grpc")) {
    return trailer === undefined ? response : { ...response, body: thenExplainTrailer(body, trailer) };
  }
  if (response.status === 200 || contentType !== "application/json" || header.has("content-encoding")) return response;
  const explained: UniversalServerResponse = { ...response };
  explained.body = explainJson(body, header, explained);
  return explained;
}

function toDomainError(error: ConnectError): DomainError | undefined {
  switch (error.code) {
    case Code.ResourceExhausted:
      return new DomainError("resource_exhausted", `${error.rawMessage}; send smaller messages`, {
        reason: "MESSAGE_TOO_LARGE",
      });
    case Code.Internal:
      // Connect names bytes that are no protobuf in no other way. Every other internal error stays internal.
      return error.rawMessage.startsWith("parse binary") ? toMalformed(error.rawMessage) : undefined;
    case Code.InvalidArgument:
      return toMalformed(error.rawMessage);
    default:
      return undefined;
  }
}

function toMalformed(why: string): DomainError {
  return new DomainError("invalid_argument", `the request cannot be read: ${why}`, { reason: "MESSAGE_MALFORMED" });
}

async function* thenExplainTrailer(body: AsyncIterable<Uint8Array>, trailer: Headers) {
  yield* body;
  explainTrailer(trailer);
}

async function* explainWebTrailer(body: AsyncIterable<Uint8Array>) {
  for await (const envelope of body) {
    if (envelope[0] !== trailerFlag) {
      yield envelope;
      continue;
    }
    const trailer = trailerParse(envelope.subarray(ENVELOPE_HEADER_BYTES));
    explainTrailer(trailer);
    yield encodeEnvelope(trailerFlag, trailerSerialize(trailer));
  }
}

function explainTrailer(trailer: Headers): void {
  const error = findTrailerError(trailer);
  if (error === undefined) return;
  const explained = explainProtocolError(error);
  if (explained !== error) setTrailerStatus(trailer, explained);
}

/** Status and headers go out only after the first bytes are there, so both can still be set here. */
async function* explainJson(body: AsyncIterable<Uint8Array>, header: Headers, response: UniversalServerResponse) {
  for await (const bytes of body) {
    const error = errorFromJsonBytes(bytes, undefined, new ConnectError("not an error of Connect", Code.Internal));
    const explained = explainProtocolError(error);
    const answer = explained === error ? bytes : errorToJsonBytes(explained, undefined);
    response.status = codeToHttpStatus(explained.code);
    header.set("content-length", String(answer.byteLength));
    yield answer;
  }
}
