import type { ClientRequest } from "node:http";
import { Writable } from "node:stream";
import type { BodyAck } from "../../domain/object-store.ts";
import type { StreamedBody } from "../../s3/requests/streamed-body.ts";
import { settle } from "./settle.ts";

/** One attempt to send a body, answered by the test. Its bytes leave at once, unless it is slow. */
export class AnsweredAttempt {
  readonly body: StreamedBody;
  readonly signal: AbortSignal;
  readonly answer = Promise.withResolvers<BodyAck>();
  /** The bytes that have gone to the socket, as Latin-1. */
  sent = "";
  #leave: ((error?: Error) => void) | undefined;

  constructor(body: StreamedBody, signal: AbortSignal, options: { isSlow?: boolean } = {}) {
    this.body = body;
    this.signal = signal;
    const take = (bytes: Buffer, done: () => void) => {
      this.sent += bytes.toString("latin1");
      if (options.isSlow === true) this.#leave = done;
      else done();
    };
    const sink = new Writable({
      write: (bytes, _, done) => take(bytes, done),
      writev: (chunks, done) => take(Buffer.concat(chunks.map(({ chunk }) => chunk)), done),
    });
    sink.on("error", () => {});
    body.attach(sink as unknown as ClientRequest);
    signal.addEventListener("abort", () => this.answer.reject(signal.reason));
  }

  /** Lets the bytes that were taken leave the queue, or fail with the socket's error. */
  async leave(error?: Error): Promise<void> {
    this.#leave?.(error);
    await settle();
  }
}

/** Attempts that wait for the test's answer, and the function that begins them. */
export function answeredAttempts(options: { isSlow?: boolean } = {}) {
  const attempts: AnsweredAttempt[] = [];
  const send = (body: StreamedBody, signal: AbortSignal): Promise<BodyAck> => {
    const attempt = new AnsweredAttempt(body, signal, options);
    attempts.push(attempt);
    return attempt.answer.promise;
  };
  return { attempts, send };
}
