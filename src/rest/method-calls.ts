import type { DescMethodStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { createUniversalHandlerClient, type UniversalHandler } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { POSITION_HEADER } from "../domain/commit-position.ts";
import { headerOf, type RestCall } from "./rest-call.ts";

/** Calls the methods of the API in this process, as the caller of a request and with its signal. */
export interface MethodCalls {
  /** The position behind a change goes to the caller as a header. */
  unary(method: DescMethodUnary, message: Message, call: RestCall): Promise<Message>;
  /** Pulled: a method yields its next message when the one before was taken. */
  serverStream(method: DescMethodStreaming, message: Message, call: RestCall): AsyncIterable<Message>;
}

/** What of a request a method may look at: who calls, what they have seen, and what the call is a part of. */
const FORWARDED = ["authorization", POSITION_HEADER, "traceparent", "tracestate"];

/**
 * Calls the very handlers that serve Connect, through their gates, interceptors and limits: what holds for one face holds
 * for the other. The message of such a call is the request's body. Errors are ConnectErrors.
 */
export function createMethodCalls(handlers: readonly UniversalHandler[]): MethodCalls {
  const unlimited = Number.MAX_SAFE_INTEGER;
  // The handlers have their own limits; the way to them is not a wire.
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

function toHeaders({ request }: RestCall): [string, string][] {
  return FORWARDED.flatMap((name): [string, string][] => {
    const value = headerOf(request, name);
    return value === undefined ? [] : [[name, value]];
  });
}
