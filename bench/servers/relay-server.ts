// The floor: the cost of moving the bytes when nothing else is done. Every buffer from HTTP/2 is written once into a plain
// PUT of one part, some of them at a time. There is no checksum, no gRPC, no retry and no record.
import type { ClientRequest } from "node:http";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { createHttpTransport } from "../stage/http-transport.ts";
import { announceServer, parseServerArguments } from "./server-process.ts";

/** Window of a stream in bytes, as large as Sluice's: with Node's 64 KiB the round trips of the loopback would set the pace. */
const streamWindowBytes = 8 * 1024 * 1024;
const sessionWindowBytes = 16 * 1024 * 1024;

const { sinkUrl, partSizeBytes, corkBytes, tls, trusted } = parseServerArguments();
const { agent, request } = createHttpTransport(sinkUrl, trusted);
let uploads = 0;

const settings = { initialWindowSize: streamWindowBytes };
const server: Http2Server =
  tls === undefined ? createServer({ settings }) : createSecureServer({ ...tls, minVersion: "TLSv1.3", settings });
server.on("session", (session) => session.setLocalWindowSize(sessionWindowBytes));
server.on("stream", relay);
announceServer(server, tls === undefined ? "http" : "https");

/**
 * Pipes the content of one request into parts of `partSizeBytes` (the last may be shorter), and answers with its size once
 * the sink has all of them.
 */
function relay(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const key = `relay-${uploads++}`;
  const answers: Promise<void>[] = [];
  let part: ClientRequest | undefined;
  let missingBytes = 0;
  let gatheredBytes = 0;
  let sizeBytes = 0;
  const nextPartBytes = () => Math.min(partSizeBytes, Number(headers["content-length"]) - sizeBytes);
  const write = (piece: Buffer) => {
    if (part === undefined) {
      missingBytes = nextPartBytes();
      const opened = openPart(key, answers.length + 1, missingBytes);
      part = opened.part;
      answers.push(opened.answered);
      part.on("drain", () => stream.resume());
    }
    if (gatheredBytes === 0) part.cork();
    const wantsMore = part.write(piece);
    gatheredBytes += piece.length;
    missingBytes -= piece.length;
    sizeBytes += piece.length;
    if (gatheredBytes >= corkBytes || missingBytes === 0) {
      part.uncork();
      gatheredBytes = 0;
      // Gathered bytes count as unsent. Only bytes that are still unsent behind the write are a reason to wait.
      if (!wantsMore && part.writableNeedDrain) stream.pause();
    }
    if (missingBytes === 0) {
      part.end();
      part = undefined;
      stream.resume();
    }
  };
  stream.on("data", (buffer: Buffer) => {
    const room = part === undefined ? nextPartBytes() : missingBytes;
    if (buffer.length <= room) return write(buffer);
    write(buffer.subarray(0, room));
    write(buffer.subarray(room));
  });
  stream.on("end", async () => {
    if (part !== undefined) return stream.close();
    await Promise.all(answers);
    stream.respond({ ":status": 200 });
    stream.end(String(sizeBytes));
  });
}

function openPart(
  key: string,
  partNumber: number,
  lengthBytes: number,
): { part: ClientRequest; answered: Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const part = request(`${sinkUrl}/bench/${key}?partNumber=${partNumber}&uploadId=relay`, {
    method: "PUT",
    agent,
    headers: { "content-length": lengthBytes },
  });
  part.on("error", reject);
  part.on("response", (response) => {
    response.resume().on("end", response.statusCode === 200 ? resolve : () => reject(response.statusMessage));
  });
  return { part, answered: promise };
}
