import { constants } from "node:http2";
import type { NodeRequest, NodeResponse } from "../rpc/node-messages.ts";

/** How long a caller who was answered before its body was read may go on sending it, in milliseconds; after success, how long it may pause. */
const LINGER_MS = 5000;

/**
 * Sees a request off that was answered before its body was read. Over HTTP/2 the caller is asked to stop, by NO_ERROR
 * (RFC 9113, 8.1). Over HTTP/1.1 only closing can stop it, and closing at once would take the answer with it: what still
 * comes is thrown away for a while (RFC 9112, 9.6), then the connection ends.
 */
export function endRequest(request: NodeRequest, response: NodeResponse): void {
  if (request.readableEnded) return;
  if ("stream" in request && request.httpVersionMajor === 2) {
    const { stream } = request;
    const close = () => setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
    if (response.writableFinished) close();
    else response.once("finish", close);
    return;
  }
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  // Nothing went wrong that a caller should hear of: it was only not needed.
  if (response.statusCode < 400) request.on("data", () => timer.refresh());
  request.once("end", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
}
