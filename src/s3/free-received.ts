import { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";

/**
 * Gives the memory of a socket's buffers back while the body of an answer comes over it. Node's parser copies the body out of them (`on_body` in
 * src/node_http_parser.cc), and leaves them to the collector. V8 answers every 64 MiB of memory outside its heap with a full collection, which takes
 * more CPU than all else that reading does (measured). A TLS socket hands out one buffer in several reads, so that nobody knows when it is done with;
 * its buffers stay the collector's.
 */
export function freeReceived(body: Readable): void {
  if (!(body instanceof IncomingMessage) || "encrypted" in body.socket) return;
  const { socket } = body;
  // Each read of a socket has a buffer of its own.
  const onReceived = ({ buffer }: Uint8Array) => void (buffer as ArrayBuffer).transfer(0);
  // The parser's listener came first, and has done its work.
  socket.on("data", onReceived);
  body.once("close", () => socket.off("data", onReceived));
}
