import { constants, type ServerHttp2Stream } from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { type ErrorLog, logDefect } from "./calls/error-interceptor.ts";
import { MessageArrival } from "./calls/message-arrival.ts";
import { type MessageLimits, messageLimitsOf } from "./calls/message-limits.ts";
import { explainProtocolErrors } from "./calls/protocol-errors.ts";
import { answerUnknownMethod } from "./calls/unknown-method.ts";
import { answerBare } from "./listener/bare-answer.ts";
import {
  answerJson,
  type NodeRequest,
  type NodeRequestListener,
  type NodeResponse,
  pathOf,
} from "./listener/node-messages.ts";
import { cutAnswer, whileTaken } from "./listener/taken-answer.ts";
import { answerNotFound } from "./services/probes.ts";

/** What callers may take of time and memory. */
interface ConnectLimits {
  /** Of messages, but for those of methods that have their own. */
  messageLimits: MessageLimits;
  /** An answer that streams is ended when its caller takes nothing of it for so long, in milliseconds. */
  answerStallMs: number;
}

/**
 * Serves the routes of a Connect router on Node's requests. Does what `connectNodeAdapter` does, except that it writes
 * nothing to the console when a response breaks off (its caller is gone, which is not news; defects are logged) and that errors which
 * Connect itself raises while reading a request carry a reason like all others, and that requests of one message are read
 * here.
 */
export function createConnectListener(
  router: ConnectRouter,
  { log, ...limits }: { log: ErrorLog } & ConnectLimits,
): NodeRequestListener {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    if ("stream" in request && request.httpVersionMajor === 2) stopAfterAnswer(request.stream);
    const handler = handlers.get(pathOf(request));
    if (handler === undefined) {
      if (!answerUnknownMethod(request, response)) answerNotFound(request, response);
      return;
    }
    if (!namesHost(request)) return answerNoHost(request, response);
    serve(handler, { request, response, limits }).catch((error: unknown) => {
      logDefect(error, { log, method: `${handler.service.typeName}/${handler.method.name}` });
      response.destroy();
    });
  };
}

/**
 * A caller that is answered before its request is whole is asked to stop (RFC 9113, 8.1: NO_ERROR); a stream that it
 * never ends would else stay open as long as its connection.
 */
function stopAfterAnswer(stream: ServerHttp2Stream): void {
  stream.once("wantTrailers", () => {
    setImmediate(() => {
      if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  });
}

/** Connect makes a URL of the request's host, and takes one that is none for a defect of its own. */
function namesHost(request: NodeRequest): boolean {
  const host = "authority" in request ? request.authority : request.headers.host;
  return URL.canParse(`http://${host ?? ""}`);
}

function answerNoHost(request: NodeRequest, response: NodeResponse): void {
  const message =
    "the request's host (:authority over HTTP/2) is none; send the service's name, or its address and port";
  answerJson(request, response, { status: 400, body: { code: "invalid_argument", message } });
}

interface Exchange {
  request: NodeRequest;
  response: NodeResponse;
  limits: ConnectLimits;
}

async function serve(handler: UniversalHandler, exchange: Exchange): Promise<void> {
  const { request, response, limits } = exchange;
  const { method } = handler;
  // Streams of callers have limits of their own for each message.
  if (method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming") {
    const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
    const arrival = new MessageArrival(request);
    await answer(await arrival.run(() => handler(universal)), handler, exchange);
    return;
  }
  const arrival = new MessageArrival(request);
  const body = arrival.read(messageLimitsOf(method, limits.messageLimits));
  // Its type knows of bodies that a framework has parsed; it hands this one on as well, and makes none that nobody reads.
  const universal = universalRequestFromNodeRequest(request, response, body as never, undefined);
  // Connect would take memory for as much as is announced.
  if (arrival.declaredBytes !== undefined) universal.header.delete("content-length");
  const answered = arrival.run(() => handler(universal));
  endArrival(arrival, { answered, request, response });
  await answer(await answered, handler, exchange);
}

/** A handler may have its message for a while when the caller has left; and Connect never says that an answer has gone out. */
function endArrival(
  arrival: MessageArrival,
  { answered, request, response }: { answered: Promise<unknown> } & Pick<Exchange, "request" | "response">,
): void {
  let isOneDone = false;
  const onDone = () => {
    if (isOneDone) arrival.release();
    isOneDone = true;
  };
  response.once("close", () => {
    onDone();
    // HTTP/1.1 has no word that asks a caller to stop.
    if (arrival.isBrokenOff && !("stream" in request)) request.destroy();
  });
  answered.then(onDone, onDone);
}

async function answer(
  universal: UniversalServerResponse,
  handler: UniversalHandler,
  { request, response, limits }: Exchange,
): Promise<void> {
  if (answerBare(universal, request, response)) return;
  const explained = explainProtocolErrors(universal);
  const { body } = explained;
  const onStall = () => cutAnswer(response);
  // A message of a call that answers once is small, and written whole.
  const isStream = handler.method.methodKind !== "unary" && body !== undefined && !(body instanceof Uint8Array);
  const taken = isStream
    ? { ...explained, body: whileTaken(body, { stallTimeoutMs: limits.answerStallMs, onStall }) }
    : explained;
  await universalResponseToNodeResponse(taken, response);
}
