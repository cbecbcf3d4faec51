import { constants, type ServerHttp2Stream } from "node:http2";
import { type ConnectRouter, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { CONNECTED_FROM } from "./caller-context.ts";
import { type ErrorLog, logDefect } from "./error-interceptor.ts";
import { nameConnection, watchArrival } from "./message-arrival.ts";
import { answerJson, type NodeRequest, type NodeRequestListener, type NodeResponse, pathOf } from "./node-messages.ts";
import { answerNotFound } from "./probes.ts";
import { explainProtocolErrors } from "./protocol-errors.ts";
import { cutAnswer, whileTaken } from "./taken-answer.ts";
import { answerUnknownMethod } from "./unknown-method.ts";

/**
 * Serves the routes of a Connect router on Node's requests. Does what `connectNodeAdapter` does, except that it writes
 * nothing to the console when a response breaks off (its caller is gone, which is not news; defects are logged) and that errors which
 * Connect itself raises while reading a request carry a reason like all others. The messages of WritePart, which are large,
 * are watched as they arrive.
 */
export function createConnectListener(
  router: ConnectRouter,
  { log, answerStallMs }: { log: ErrorLog; answerStallMs: number },
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
    serve(handler, { request, response, answerStallMs }).catch((error: unknown) => {
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
  answerStallMs: number;
}

async function serve(handler: UniversalHandler, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const values = createContextValues().set(CONNECTED_FROM, request.socket.remoteAddress);
  const universal = universalRequestFromNodeRequest(request, response, undefined, values);
  if (handler.method !== UploadService.method.writePart) return await answer(universal, handler, exchange);
  const { arrival, watched } = watchArrival(nameConnection(request), universal);
  await answer(watched, handler, exchange);
  // HTTP/1.1 has no word that asks a caller to stop.
  if (arrival.isRefused && !("stream" in request)) request.destroy();
}

async function answer(
  request: UniversalServerRequest,
  handler: UniversalHandler,
  { response, answerStallMs }: Exchange,
): Promise<void> {
  const answered = explainProtocolErrors(await handler(request));
  const { body } = answered;
  const onStall = () => cutAnswer(response);
  // A message of a call that answers once is small, and written whole.
  const isStream = handler.method.methodKind !== "unary" && body !== undefined && !(body instanceof Uint8Array);
  const taken = isStream
    ? { ...answered, body: whileTaken(body, { stallTimeoutMs: answerStallMs, onStall }) }
    : answered;
  await universalResponseToNodeResponse(taken, response);
}
