import { constants } from "node:http2";
import type { NodeResponse } from "./node-messages.ts";

/** Ends an answer in the middle so that its caller notices: over HTTP/2 by CANCEL, over HTTP/1.1 by the end of the connection. */
export function cutAnswer(response: NodeResponse): void {
  if ("stream" in response && response.stream !== undefined) response.stream.close(constants.NGHTTP2_CANCEL);
  else response.destroy();
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
