import { once } from "node:events";
import type { HeldBytes } from "../../domain/memory/held-bytes.ts";
import type { ReadFileEvent } from "../../queries/read-file.ts";
import { cutAnswer, whileTaken } from "../../rpc/listener/taken-answer.ts";
import { writePieces } from "../../rpc/listener/write-pieces.ts";
import type { RestCall } from "../requests/rest-call.ts";

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
  let held: HeldBytes | undefined;
  const onStall = () => cutAnswer(response);
  for await (const event of whileTaken(events, { stallTimeoutMs: answerStallMs, onStall })) {
    if (event.kind !== "chunk") continue;
    const isTaken = held === undefined || write(response, held);
    if (!isTaken) await once(response, "drain", { signal });
    held = event.bytes;
  }
  if (held !== undefined) write(response, held);
  response.end();
}

function write(response: RestCall["response"], bytes: HeldBytes): boolean {
  return writePieces(response, bytes.pieces, () => bytes.giveBack());
}
