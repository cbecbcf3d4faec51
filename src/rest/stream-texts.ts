import { once } from "node:events";
import type { JsonObject } from "@bufbuild/protobuf";
import type { NodeResponse } from "../rpc/listener/node-messages.ts";
import { toJsonText } from "./answers.ts";
import { toProblem } from "./problem.ts";
import type { RestCall } from "./requests/rest-call.ts";

/** The form of a stream of messages. */
export interface StreamForm<T> {
  mediaType: string;
  toText(message: T): string;
  /** The text of the error that ends a stream. */
  toErrorText(problem: JsonObject): string;
}

/** Each message is a line of JSON; an error is `{"error": <problem>}`. */
export function asLines<T>(toLine: (message: T) => string): StreamForm<T> {
  return { mediaType: "application/x-ndjson", toText: toLine, toErrorText: (error) => toJsonText({ error }) };
}

/**
 * Answers with a stream of messages, each a text, at the caller's pace. An error before the first message is thrown, and answered as a
 * problem. A later error is the last text, because the status has already gone out.
 */
export async function streamTexts<T>(
  { request, response, signal }: RestCall,
  messages: AsyncIterable<T>,
  form: StreamForm<T>,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  let next = await iterator.next();
  response.statusCode = 200;
  response.setHeader("content-type", form.mediaType);
  response.setHeader("cache-control", "no-store");
  try {
    while (next.done !== true && request.method !== "HEAD") {
      if (!writeText(response, form.toText(next.value))) await once(response, "drain", { signal });
      next = await iterator.next();
    }
  } catch (error) {
    if (signal.aborted) return;
    writeText(response, form.toErrorText({ ...toProblem(error).problem }));
  } finally {
    await iterator.return?.();
  }
  response.end();
}

function writeText(response: NodeResponse, text: string): boolean {
  // TypeScript cannot call a union of two overloaded methods; both take a string.
  return (response as { write(text: string): boolean }).write(text);
}
