import { constants, type ServerHttp2Stream } from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { currentCall } from "../telemetry/observed-call.ts";
import { type ErrorLog, noteFailure, toCallFailure } from "./calls/error-interceptor.ts";
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

/** Limits of the time and memory that callers may take. */
interface ConnectLimits {
  /** Limits of messages, for methods that have none of their own. */
  messageLimits: MessageLimits;
  /** A streaming answer ends when its caller takes nothing of it for this long, in milliseconds. */
  answerStallMs: number;
}

/**
 * Serves the routes of a Connect router on Node's requests. It differs from `connectNodeAdapter` in three ways. It writes nothing
 * to the console when a response breaks off: the caller is gone, which is not news, and defects are logged. Errors that Connect
 * itself raises while reading a request carry a reason, as all other errors do. And it reads requests of one message itself.
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
      noteFailure(error, { log, method: `${handler.service.typeName}/${handler.method.name}` });
      response.destroy();
    });
  };
}

/**
 * A caller that is answered before its request is complete is asked to stop (RFC 9113, 8.1: NO_ERROR). Without that, a stream
 * that the caller never ends would stay open as long as its connection.
 */
function stopAfterAnswer(stream: ServerHttp2Stream): void {
  stream.once("wantTrailers", () => {
    setImmediate(() => {
      if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  });
}

/** Connect makes a URL of the request's host; for an invalid host it would report a defect of its own. */
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
  // Methods that take a stream have limits of their own for each message.
  if (method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming") {
    const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
    const arrival = new MessageArrival(request);
    await answer(await arrival.run(() => handler(universal)), handler, exchange);
    return;
  }
  const arrival = new MessageArrival(request);
  const body = arrival.read(messageLimitsOf(method, limits.messageLimits));
  // The declared type is for bodies that a framework has parsed. Connect passes this body on as well, and opens no second reader.
  const universal = universalRequestFromNodeRequest(request, response, body as never, undefined);
  // Connect would allocate memory for the announced length.
  if (arrival.declaredBytes !== undefined) universal.header.delete("content-length");
  const answered = arrival.run(() => handler(universal));
  endArrival(arrival, { answered, request, response });
  await answer(await answered, handler, exchange);
}

/**
 * The message is released when both the handler is done and the answer is closed: a handler may use its message for a while
 * after the caller has left, and Connect never says that an answer has gone out.
 */
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
    // HTTP/1.1 cannot ask a caller to stop.
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
  // The answer of a unary call is small and is written whole.
  if (handler.method.methodKind === "unary" || body === undefined || body instanceof Uint8Array)
    await universalResponseToNodeResponse(explained, response);
  else {
    const taken = whileTaken(body, { stallTimeoutMs: limits.answerStallMs, onStall });
    // Connect waits for a caller that has gone to take the last piece, and would never end what gives the pieces.
    response.once("close", () => void taken.return().catch(() => {}));
    await universalResponseToNodeResponse({ ...explained, body: taken }, response);
  }
  // What Connect itself refuses, no interceptor has seen.
  const status = Number(explained.trailer?.get("grpc-status") ?? explained.header?.get("grpc-status") ?? 0);
  if (status !== 0) currentCall()?.fail(toCallFailure(status));
}
