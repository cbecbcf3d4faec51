import { constants, type ServerHttp2Stream } from "node:http2";
import type { NodeResponse } from "./node-messages.ts";
import { socketOf } from "./session-life.ts";

/** How long the CANCEL of an answer may take to go out, in milliseconds. */
const CANCEL_TIMEOUT_MS = 1000;

/**
 * Ends an answer that its caller does not take, so that the caller notices: over HTTP/2 by CANCEL, over HTTP/1.1 by the end of the connection.
 * An HTTP/2 connection whose caller reads nothing at all takes no CANCEL either, and Node keeps the stream until it has gone: such a
 * connection is cut.
 */
export function cutAnswer(response: NodeResponse): void {
  if ("stream" in response && response.stream !== undefined) cutStream(response.stream);
  else response.destroy();
}

function cutStream(stream: ServerHttp2Stream): void {
  const { session } = stream;
  stream.close(constants.NGHTTP2_CANCEL);
  if (stream.destroyed || session === undefined || session.destroyed) return;
  const socket = socketOf(session);
  const timer = setTimeout(() => socket.destroy(), CANCEL_TIMEOUT_MS);
  stream.once("close", () => clearTimeout(timer));
}

/**
 * The pieces of an answer that is sent at its caller's pace. When the caller takes nothing for `stallTimeoutMs` while a piece
 * waits, the answer ends and `onStall` is called. It must end the connection's stream, so that nothing is held for a caller
 * that never comes back: neither the piece nor the resources behind it (a connection to storage, a slot among the readers).
 */
export async function* whileTaken<T>(
  pieces: AsyncIterable<T>,
  { stallTimeoutMs, onStall }: { stallTimeoutMs: number; onStall: () => void },
): AsyncGenerator<T, void, undefined> {
  for await (const piece of pieces) {
    const timer = setTimeout(onStall, stallTimeoutMs);
    try {
      yield piece;
    } finally {
      clearTimeout(timer);
    }
  }
}
