// The floor of reading: each request reads the object of its path from the sink, and its bytes go on as they come. There is no checksum, no
// gRPC, no retry and no record. Under TLS it speaks HTTP/1.1 and HTTP/2, and without TLS the one that it is told.
import { createServer } from "node:http";
import { createServer as createHttp2Server, createSecureServer } from "node:http2";
import { createHttpTransport } from "../stage/http-transport.ts";
import { announceServer, parseServerArguments } from "./server-process.ts";

const { sinkUrl, tls, trusted, isHttp2 } = parseServerArguments();
const { agent, request: send } = createHttpTransport(sinkUrl, trusted);

const relay = (request: { url?: string | undefined }, response: NodeJS.WritableStream & { writeHead: WriteHead }) => {
  const sent = send(`${sinkUrl}/bench${request.url}`, { agent }, (found) => {
    response.writeHead(found.statusCode ?? 500, { "content-length": found.headers["content-length"] });
    found.pipe(response);
  });
  sent.end();
};
type WriteHead = (status: number, headers: Record<string, string | undefined>) => unknown;

const scheme = tls === undefined ? "http" : "https";
if (tls !== undefined)
  announceServer(createSecureServer({ ...tls, minVersion: "TLSv1.3", allowHTTP1: true }, relay), scheme);
else announceServer(isHttp2 ? createHttp2Server(relay) : createServer(relay), scheme);
