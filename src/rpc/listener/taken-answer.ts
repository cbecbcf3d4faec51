import { constants } from "node:http2";
import type { NodeResponse } from "./node-messages.ts";

/** Ends an answer in the middle so that its caller hears of it: by CANCEL over HTTP/2, by the end of the connection over HTTP/1.1. */
export function cutAnswer(response: NodeResponse): void {
  if ("stream" in response && response.stream !== undefined) response.stream.close(constants.NGHTTP2_CANCEL);
  else response.destroy();
}

/**
 * The pieces of an answer that is sent at its caller's pace. Whoever takes nothing for `stallTimeoutMs` while a piece waits for
 * them is told nothing more: `onStall` is to end the connection's stream, so that neither the piece nor what stands behind it
 * (a connection to storage, a place among the readers) is held for a caller who never comes back.
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
