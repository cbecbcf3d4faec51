import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { ReadFileEvent } from "../queries/read-file.ts";
import { cutAnswer, whileTaken } from "../rpc/listener/taken-answer.ts";
import type { RestCall } from "./rest-call.ts";

/**
 * Sends the bytes of a file as a body of known length, at the caller's pace: at most one chunk waits here. The last chunk is
 * held back until the reading has ended well. So bytes whose checksum is wrong never look complete: the answer is then cut
 * short. Headers are set before this. An error before the first byte is thrown before any header is sent.
 */
export async function sendBytes(
  { response, signal }: RestCall,
  events: AsyncIterable<ReadFileEvent>,
  { answerStallMs }: { answerStallMs: number },
): Promise<void> {
  // TypeScript cannot call a union of two overloaded methods; both take bytes.
  const out = response as ServerResponse;
  let held: readonly Uint8Array[] = [];
  const onStall = () => cutAnswer(response);
  for await (const event of whileTaken(events, { stallTimeoutMs: answerStallMs, onStall })) {
    if (event.kind !== "chunk") continue;
    if (!writeAll(out, held)) await once(out, "drain", { signal });
    held = event.pieces;
  }
  out.cork();
  writeAll(out, held);
  out.end();
}

function writeAll(out: ServerResponse, pieces: readonly Uint8Array[]): boolean {
  let isTaken = true;
  for (const bytes of pieces) isTaken = out.write(bytes);
  return isTaken;
}
