import { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { freeBuffer } from "../../domain/free-buffer.ts";

/** The buffer of TLS sockets that came last, and how many of its bytes have come. */
const newest: { buffer: ArrayBufferLike | undefined; bytes: number } = { buffer: undefined, bytes: 0 };

/**
 * Gives the memory of a socket's buffers back while the body of an answer comes over it. Node's parser copies the body out of them (`on_body` in
 * src/node_http_parser.cc), and leaves them to the collector. V8 answers every 64 MiB of memory outside its heap with a full collection, which takes
 * more CPU than all else that reading does (measured). A plain socket has a buffer for each read. TLS sockets share one until it is full, and it is
 * freed when all of its bytes have come this way; where another socket got some of them, it stays the collector's.
 */
export function freeReceived(body: Readable): void {
  if (!(body instanceof IncomingMessage)) return;
  const { socket } = body;
  const isShared = "encrypted" in socket;
  const onReceived = ({ buffer, byteLength }: Uint8Array) => {
    if (isShared && !isFull(buffer, byteLength)) return;
    freeBuffer(buffer);
  };
  // The parser's listener came first, and has done its work.
  socket.on("data", onReceived);
  body.once("close", () => socket.off("data", onReceived));
}

/** Counts bytes of a buffer that have just come. Returns true once all bytes of the buffer have come. */
function isFull(buffer: ArrayBufferLike, byteLength: number): boolean {
  if (buffer !== newest.buffer) {
    newest.buffer = buffer;
    newest.bytes = 0;
  }
  newest.bytes += byteLength;
  return newest.bytes === buffer.byteLength;
}
