import type { IncomingMessage } from "node:http";
import type { Operation } from "./operation.ts";
import type { RequestTarget } from "./request-target.ts";

/** One authorised request, as the operations see it. */
export interface Exchange {
  readonly operation: Operation;
  readonly target: RequestTarget;
  /** Request headers, and the `x-amz-` query parameters of a presigned URL, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The part of the payload that the signature covers: hex SHA-256, `UNSIGNED-PAYLOAD` or a streaming form. */
  readonly payloadHash: string;
  /** The region that the request was signed for. */
  readonly region: string;
  readonly request: IncomingMessage;
  /** Tells a client that waits with `Expect: 100-continue` to send its body. */
  readonly acceptBody: () => void;
  /** A scripted fault: destroy the connection after this many payload bytes. */
  readonly cutAfterBytes: number | undefined;
}

/** The answer of an operation. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An XML document, or the bytes of an object with their length. */
  readonly body?: string | AnswerStream;
}

/** Bytes to send, and a function that releases them when they are sent or the client is gone. */
export interface AnswerStream {
  readonly sizeBytes: number;
  readonly chunks: AsyncIterable<Buffer>;
  readonly release: () => void;
}
