import { once } from "node:events";
import type { NodeResponse } from "../rpc/listener/node-messages.ts";
import { toJsonText } from "./answers.ts";
import { toProblem } from "./problem.ts";
import type { RestCall } from "./rest-call.ts";

/**
 * Answers with a stream of messages, each a line of JSON (application/x-ndjson), at the caller's pace. An error before the
 * first message is thrown, and answered as a problem. A later error is the last line, `{"error": <problem>}`, because the
 * status has already gone out.
 */
export async function streamLines<T>(
  { request, response, signal }: RestCall,
  messages: AsyncIterable<T>,
  toLine: (message: T) => string,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  let next = await iterator.next();
  response.statusCode = 200;
  response.setHeader("content-type", "application/x-ndjson");
  response.setHeader("cache-control", "no-store");
  try {
    while (next.done !== true && request.method !== "HEAD") {
      if (!writeText(response, toLine(next.value))) await once(response, "drain", { signal });
      next = await iterator.next();
    }
  } catch (error) {
    if (signal.aborted) return;
    writeText(response, toJsonText({ error: { ...toProblem(error).problem } }));
  } finally {
    await iterator.return?.();
  }
  response.end();
}

function writeText(response: NodeResponse, text: string): boolean {
  // TypeScript cannot call a union of two overloaded methods; both take a string.
  return (response as { write(text: string): boolean }).write(text);
}
