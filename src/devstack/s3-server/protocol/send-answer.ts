import type { ServerResponse } from "node:http";
import type { Answer, AnswerStream } from "./exchange.ts";

/**
 * Sends an answer, with the client's back pressure, and releases its body. `cut` breaks the connection off in the middle: a
 * scripted fault. Settles also when the client goes away.
 */
export async function sendAnswer(response: ServerResponse, answer: Answer, cut: boolean): Promise<void> {
  const { body } = answer;
  const isStream = typeof body === "object";
  try {
    const sizeBytes = isStream ? body.sizeBytes : Buffer.byteLength(body ?? "");
    response.statusCode = answer.status;
    if (typeof body === "string") response.setHeader("content-type", "application/xml");
    for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
    if (!response.hasHeader("content-length") && answer.status !== 204 && answer.status !== 304) {
      response.setHeader("content-length", sizeBytes);
    }
    if (cut) await sendHalf(response, body, sizeBytes);
    else if (isStream) await sendStream(response, body.chunks, Number.POSITIVE_INFINITY);
    else response.end(body);
  } finally {
    if (isStream) body.release();
  }
}

async function sendHalf(response: ServerResponse, body: Answer["body"], sizeBytes: number): Promise<void> {
  const half = Math.floor(sizeBytes / 2);
  if (typeof body === "object") {
    await sendStream(response, body.chunks, half);
  } else {
    // An answer without a body is cut in its head.
    await new Promise<void>((resolve) => {
      if (half > 0) response.write((body ?? "").slice(0, half), () => resolve());
      else if (response.socket !== null) response.socket.write("HTTP/1.1 200", () => resolve());
      else resolve();
    });
  }
  response.destroy();
}

async function sendStream(response: ServerResponse, chunks: AnswerStream["chunks"], limit: number): Promise<void> {
  let left = limit;
  for await (const chunk of chunks) {
    if (response.destroyed) return;
    const slice = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= slice.length;
    if (!response.write(slice)) await drained(response);
    if (left === 0) return;
  }
  response.end();
}

/** Settles when there is room for more, or nobody left to send it to. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off("drain", settle).off("close", settle);
      resolve();
    };
    response.on("drain", settle).on("close", settle);
    if (response.destroyed) settle();
  });
}
