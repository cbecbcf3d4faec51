import { constants } from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { type ErrorLog, logDefect } from "./error-interceptor.ts";
import { watchArrival } from "./message-arrival.ts";
import { type NodeRequest, type NodeRequestListener, type NodeResponse, pathOf } from "./node-messages.ts";
import { answerNotFound } from "./probes.ts";
import { explainProtocolErrors } from "./protocol-errors.ts";

/**
 * Serves the routes of a Connect router on Node's requests. Does what `connectNodeAdapter` does, except that it writes
 * nothing to the console when a response breaks off (its caller is gone, which is not news; defects are logged) and that errors which
 * Connect itself raises while reading a request carry a reason like all others. The messages of WritePart, which are large,
 * are watched as they arrive.
 */
export function createConnectListener(router: ConnectRouter, log: ErrorLog): NodeRequestListener {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const handler = handlers.get(pathOf(request));
    if (handler === undefined) return answerNotFound(request, response);
    serve(handler, request, response).catch((error: unknown) => {
      logDefect(error, { log, method: `${handler.service.typeName}/${handler.method.name}` });
      response.destroy();
    });
  };
}

async function serve(handler: UniversalHandler, request: NodeRequest, response: NodeResponse): Promise<void> {
  const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
  if (handler.method !== UploadService.method.writePart) return await answer(universal, { handler, response });
  const { arrival, watched } = watchArrival(request, universal);
  await answer(watched, { handler, response });
  if (arrival.isRefused) stopSending(request);
}

async function answer(
  request: UniversalServerRequest,
  { handler, response }: { handler: UniversalHandler; response: NodeResponse },
): Promise<void> {
  await universalResponseToNodeResponse(explainProtocolErrors(await handler(request)), response);
}

/** The answer was given before the request was whole: RFC 9113, 8.1, has the caller stop by NO_ERROR; HTTP/1.1 has no word for it. */
function stopSending(request: NodeRequest): void {
  if ("stream" in request) request.stream.close(constants.NGHTTP2_NO_ERROR);
  else request.destroy();
}
