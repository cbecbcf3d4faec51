import { constants } from "node:http2";
import type { NodeRequest, NodeResponse } from "../../rpc/listener/node-messages.ts";

/** How long a caller that was answered before its body was read may continue to send it, in milliseconds. */
const LINGER_MS = { http1: 5000, http2: 1000 } as const;

/**
 * Ends a request that was answered before its body was read. The caller gets time to read the answer and to stop by itself:
 * cutting it off could destroy an answer that it has not read yet. Over HTTP/1.1 the bytes that still come are thrown away
 * during that time, and then the connection ends (RFC 9112, 9.6). Over HTTP/2 the caller waits for its window, and is then
 * asked to stop by NO_ERROR (RFC 9113, 8.1). After a success, a body that was not needed is thrown away to its end: the time
 * then counts from the last bytes.
 */
export function endRequest(request: NodeRequest, response: NodeResponse): void {
  const isHttp2 = "stream" in request && request.httpVersionMajor === 2;
  const source = isHttp2 ? request.stream : request;
  if (source.readableEnded || source.destroyed) return;
  const stop = isHttp2 ? () => request.stream.close(constants.NGHTTP2_NO_ERROR) : () => request.socket.destroy();
  const timer = setTimeout(stop, LINGER_MS[isHttp2 ? "http2" : "http1"]).unref();
  for (const event of ["end", "close"]) source.once(event, () => clearTimeout(timer));
  const isSuccess = response.statusCode < 400;
  if (isSuccess) source.on("data", () => timer.refresh());
  if (isSuccess || !isHttp2) source.resume();
  // The pause is explicit: Node at once resets a stream that is answered and that nobody has begun or refused to read.
  else source.pause();
}
