import type { ServerResponse } from "node:http";
import type { NodeResponse } from "./node-messages.ts";

/**
 * Writes buffers by one call of the system, where the transport allows it. `onSent` is called once they have gone into the socket, and not when the
 * answer breaks off: Node then settles a write of HTTP/2 while the socket still sends its bytes, and without an error where the caller has
 * cancelled (`_destroy` in lib/internal/http2/core.js). Returns false when the writer should wait for "drain" of the response.
 */
export function writePieces(response: NodeResponse, pieces: readonly Uint8Array[], onSent: () => void): boolean {
  // TypeScript cannot call a union of two overloaded methods; both take bytes and a function.
  const out = response as ServerResponse;
  const stream = "stream" in response ? response.stream : undefined;
  const last = pieces.at(-1);
  if (last === undefined) return true;
  out.cork();
  for (const bytes of pieces.slice(0, -1)) out.write(bytes);
  const isTaken = out.write(last, (error) => {
    if (!error && !out.destroyed && stream?.destroyed !== true) onSent();
  });
  out.uncork();
  return isTaken;
}
