import { constants, type ServerHttp2Stream } from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { type ErrorLog, logDefect } from "./error-interceptor.ts";
import { type NodeRequest, type NodeRequestListener, type NodeResponse, pathOf } from "./node-messages.ts";
import { answerNotFound } from "./probes.ts";
import { explainProtocolErrors } from "./protocol-errors.ts";
import { answerUnknownMethod } from "./unknown-method.ts";

/**
 * Serves the routes of a Connect router on Node's requests. Does what `connectNodeAdapter` does, except that it writes
 * nothing to the console when a response breaks off (its caller is gone, which is not news; defects are logged) and that errors which
 * Connect itself raises while reading a request carry a reason like all others.
 */
export function createConnectListener(router: ConnectRouter, log: ErrorLog): NodeRequestListener {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    if ("stream" in request && request.httpVersionMajor === 2) stopAfterAnswer(request.stream);
    const handler = handlers.get(pathOf(request));
    if (handler === undefined) {
      if (!answerUnknownMethod(request, response)) answerNotFound(request, response);
      return;
    }
    serve(handler, request, response).catch((error: unknown) => {
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

async function serve(handler: UniversalHandler, request: NodeRequest, response: NodeResponse): Promise<void> {
  const universalResponse = await handler(universalRequestFromNodeRequest(request, response, undefined, undefined));
  await universalResponseToNodeResponse(explainProtocolErrors(universalResponse), response);
}
