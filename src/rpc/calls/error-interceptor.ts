import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { DomainError, type ErrorCode } from "../../domain/errors.ts";
import { type CallFailure, currentCall, type ObservedCall } from "../../telemetry/observed-call.ts";
import { ERROR_STATUS, toDomainError, toErrorDetails } from "./errors.ts";
import { explainProtocolError } from "./protocol-errors.ts";

/** The log that defects are written to, each once. A pino logger fits. */
export interface ErrorLog {
  error(fields: { error: unknown; method: string; reason?: string }, message: string): void;
}

/**
 * The error as Connect sends it, in all three protocols. A ConnectError (a deadline, a health answer) stays as it is, unless
 * Connect raised it over the form of a request.
 */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return explainProtocolError(error);
  const shown = toDomainError(error);
  const details = toErrorDetails(shown).map(({ desc, value }) => ({ desc, value }));
  return new ConnectError(shown.message, ERROR_STATUS[shown.code].grpc as Code, undefined, details, error);
}

/**
 * Turns the errors of handlers into ConnectErrors, and logs each defect once. It goes first in the list of interceptors, so
 * that it sees the errors of all others. A call that its caller cancelled, or whose deadline passed, ends with that reason
 * whatever the handler threw on the way out: nobody is left to read another error, and it is no defect.
 */
export function createErrorInterceptor(log: ErrorLog): Interceptor {
  return (next) => async (request) => {
    const translate = (error: unknown) =>
      translateError(error, {
        log,
        signal: request.signal,
        method: `${request.service.typeName}/${request.method.name}`,
      });
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: translateIteration(response.message, translate) };
    } catch (error) {
      throw translate(error);
    }
  };
}

async function* translateIteration<T>(messages: AsyncIterable<T>, translate: (error: unknown) => ConnectError) {
  try {
    yield* messages;
  } catch (error) {
    throw translate(error);
  }
}

/** Turns the error of a call into the error that its caller receives, and logs a defect. */
export function translateError(
  error: unknown,
  context: { log: ErrorLog; signal: AbortSignal; method: string },
): ConnectError {
  const shown = toConnectError(error);
  if (context.signal.aborted && shown.code === Code.Internal) {
    const { reason } = context.signal;
    noteFailure(reason instanceof DomainError ? reason : ConnectError.from(reason, Code.Canceled), context);
    return reason instanceof DomainError ? toConnectError(reason) : ConnectError.from(reason, Code.Canceled);
  }
  noteFailure(error, context);
  return shown;
}

/**
 * Tells the observed call why it failed, and logs once what the operator must see: the stack of a defect, and the cause of an error
 * that hides one (the original error of storage or the database).
 */
export function noteFailure(
  error: unknown,
  context: { log: ErrorLog; method: string; call?: ObservedCall | undefined },
): void {
  const { call = currentCall() } = context;
  if (error instanceof ConnectError) {
    call?.fail(toCallFailure(error.code));
    return;
  }
  const shown = toDomainError(error);
  call?.fail(shown);
  const { code, reason, message, cause } = shown;
  const { log, method } = context;
  if (code === "internal") log.error({ error: cause ?? error, method }, "call failed with a defect");
  else if (cause !== undefined) log.error({ error: cause, method, reason }, message);
}

const CODES = new Map<number, ErrorCode>(
  Object.entries(ERROR_STATUS).map(([code, { grpc }]) => [grpc, code as ErrorCode]),
);

/** A failure of which only gRPC's code is known. */
export function toCallFailure(grpcCode: number): CallFailure {
  const code = grpcCode === Code.Canceled ? "cancelled" : (CODES.get(grpcCode) ?? "internal");
  return { code, reason: code.toUpperCase() };
}
