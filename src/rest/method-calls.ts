import type { DescMethodStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { createUniversalHandlerClient, type UniversalHandler } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { POSITION_HEADER, STALE_HEADER } from "../domain/commit-position.ts";
import { headerOf } from "../rpc/listener/node-messages.ts";
import type { RestCall } from "./requests/rest-call.ts";

/** Calls the methods of the API in this process, as the caller of a request and with its signal. */
export interface MethodCalls {
  /** Calls a unary method. The commit position after a change, and the age of an old answer, go to the caller as headers. */
  unary(method: DescMethodUnary, message: Message, call: RestCall): Promise<Message>;
  /** Calls a method that streams. It yields its next message only when the previous one was taken. */
  serverStream(method: DescMethodStreaming, message: Message, call: RestCall): AsyncIterable<Message>;
}

/**
 * The headers of a request that a method may see: the caller's token, the commit position that the caller has seen, and the
 * trace that the call is a part of.
 */
const FORWARDED = ["authorization", POSITION_HEADER, "traceparent", "tracestate"];

/**
 * Calls the very handlers that serve Connect, through their gates, interceptors and limits: every rule of one face also holds
 * for the other. The message of such a call is the request's body. Errors are ConnectErrors.
 */
export function createMethodCalls(handlers: readonly UniversalHandler[]): MethodCalls {
  const unlimited = Number.MAX_SAFE_INTEGER;
  // The handlers have their own limits, and nothing goes over a wire on the way to them.
  const transport: Transport = createTransport({
    httpClient: createUniversalHandlerClient([...handlers]),
    baseUrl: "https://in-memory",
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: unlimited,
    readMaxBytes: unlimited,
    writeMaxBytes: unlimited,
  });
  return {
    unary: async (method, message, call) => {
      const { arrival, signal } = call;
      const answer = await arrival.run(() => transport.unary(method, signal, undefined, toHeaders(call), message));
      const position = answer.header.get(POSITION_HEADER);
      if (position !== null) call.response.setHeader(POSITION_HEADER, position);
      const staleMs = answer.header.get(STALE_HEADER);
      if (staleMs !== null) markStale(call, staleMs);
      return answer.message;
    },
    async *serverStream(method, message, call) {
      const input = (async function* () {
        yield message;
      })();
      const { arrival, signal } = call;
      const answer = await arrival.run(() => transport.stream(method, signal, undefined, toHeaders(call), input));
      yield* answer.message;
    },
  };
}

/** HTTP has a header of its own for the age of an answer, in seconds (RFC 9111, 5.1). */
function markStale({ response }: RestCall, ageMs: string): void {
  response.setHeader(STALE_HEADER, ageMs);
  response.setHeader("age", String(Math.ceil(Number(ageMs) / 1000)));
}

function toHeaders({ request }: RestCall): [string, string][] {
  return FORWARDED.flatMap((name): [string, string][] => {
    const value = headerOf(request, name);
    return value === undefined ? [] : [[name, value]];
  });
}
