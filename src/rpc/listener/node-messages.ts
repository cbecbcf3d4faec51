import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** A request of HTTP/1.1 or HTTP/2, in the form of Node's compatible APIs. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** A response of HTTP/1.1 or HTTP/2. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** Serves one request of either protocol. */
export type NodeRequestListener = (request: NodeRequest, response: NodeResponse) => void;

/** A header by its lower-case name. When HTTP lets the header come several times, the first one counts. */
export function headerOf(request: NodeRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Answers with a line of JSON; to HEAD it answers with the headers alone. */
export function answerJson(
  request: NodeRequest,
  response: NodeResponse,
  { status, body }: { status: number; body: unknown },
): void {
  const text = `${JSON.stringify(body)}\n`;
  const headers = {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    "cache-control": "no-store",
  };
  answer(response, { status, headers, text: request.method === "HEAD" ? "" : text });
}

/** Ends a response of either protocol; their types differ only in what `writeHead` returns. */
export function answer(
  response: NodeResponse,
  { status, headers, text = "" }: { status: number; headers: Record<string, string>; text?: string },
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.statusCode = status;
  // A union of two overloaded methods cannot be called; both take a string.
  (response as ServerResponse).end(text);
}

/** The path of a request, without its query. */
export function pathOf(request: NodeRequest): string {
  return request.url?.split("?", 1)[0] ?? "";
}
