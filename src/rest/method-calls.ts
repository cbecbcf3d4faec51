import type { DescMethodStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import { createContextValues, type Transport } from "@connectrpc/connect";
import {
  createUniversalHandlerClient,
  type UniversalHandler,
  type UniversalServerRequest,
} from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { POSITION_HEADER } from "../domain/position.ts";
import { CONNECTED_FROM } from "../rpc/caller-context.ts";
import { nameConnection, watchArrival } from "../rpc/message-arrival.ts";
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
/** Say, on the way in this process alone, by which connection the request of a call came, and from where. */
const CONNECTION = "x-sluice-connection";
const ADDRESS = "x-sluice-address";

/**
 * Calls the very handlers that serve Connect, through their gates, interceptors and limits: what holds for one face holds
 * for the other. Errors are ConnectErrors.
 */
export function createMethodCalls(handlers: readonly UniversalHandler[]): MethodCalls {
  const unlimited = Number.MAX_SAFE_INTEGER;
  // The handlers have their own limits; the way to them is not a wire.
  const transport: Transport = createTransport({
    httpClient: createUniversalHandlerClient(handlers.map(watch)),
    baseUrl: "https://in-memory",
    useBinaryFormat: true,
    ...{ interceptors: [], acceptCompression: [], sendCompression: null, compressMinBytes: unlimited },
    ...{ readMaxBytes: unlimited, writeMaxBytes: unlimited },
  });
  return {
    unary: async (method, message, call) => {
      const answer = await transport.unary(method, call.signal, undefined, toHeaders(call), message);
      const position = answer.header.get(POSITION_HEADER);
      if (position !== null) call.response.setHeader(POSITION_HEADER, position);
      return answer.message;
    },
    async *serverStream(method, message, call) {
      const input = (async function* () {
        yield message;
      })();
      yield* (await transport.stream(method, call.signal, undefined, toHeaders(call), input)).message;
    },
  };
}

/** Gates look at where a call comes from, and those of some methods at how their message arrives: here, all at once. */
function watch(handler: UniversalHandler): UniversalHandler {
  const serve = (request: UniversalServerRequest) => {
    const contextValues = createContextValues().set(CONNECTED_FROM, request.header.get(ADDRESS) ?? undefined);
    return handler(watchArrival(request.header.get(CONNECTION) ?? "", { ...request, contextValues }).watched);
  };
  return Object.assign(serve, handler);
}

function toHeaders({ request }: RestCall): [string, string][] {
  const forwarded = FORWARDED.flatMap((name): [string, string][] => {
    const value = headerOf(request, name);
    return value === undefined ? [] : [[name, value]];
  });
  return [...forwarded, [CONNECTION, nameConnection(request)], [ADDRESS, request.socket.remoteAddress ?? ""]];
}
