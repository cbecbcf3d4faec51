import { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { noteCopied } from "../../domain/memory/buffer-accounts.ts";

/**
 * Gives the memory of a socket's buffers back while the body of an answer comes over it. Node's parser copies the body out of them (`on_body` in
 * src/node_http_parser.cc), and leaves them to the collector.
 */
export function freeReceived(body: Readable): void {
  if (!(body instanceof IncomingMessage)) return;
  const { socket } = body;
  const sharing = { isShared: "encrypted" in socket };
  const onReceived = (bytes: Uint8Array) => noteCopied(bytes, sharing);
  // The parser's listener came first, and has done its work.
  socket.on("data", onReceived);
  body.once("close", () => socket.off("data", onReceived));
}
