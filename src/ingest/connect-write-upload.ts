import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { UploadService, WriteUploadRequest, WriteUploadResponse } from "../../gen/sluice/v1/upload_service_pb.ts";
import { type CommitPosition, formatCommitPosition, POSITION_HEADER } from "../domain/commit-position.ts";
import { toCallOptions } from "../rpc/calls/caller-context.ts";
import { toChunkHeader } from "./write-messages.ts";
import { WriteStream, type WriteStreamOptions } from "./write-stream.ts";

/**
 * WriteUpload for the forms that connect-node carries: Connect and gRPC-web, from Node clients (browsers cannot send
 * streams). The same order and the same writer as the gRPC form, with messages pulled from an iterator.
 */
export function createConnectWriteUpload(
  options: Omit<WriteStreamOptions, "authenticate">,
): ServiceImpl<typeof UploadService>["writeUpload"] {
  return async function* writeUpload(requests, context) {
    const { caller, signal } = toCallOptions(context);
    const outbox = new Outbox();
    const stream = new WriteStream({ ...options, authenticate: () => Promise.resolve(caller) }, outbox);
    const onAbort = () => {
      const isExpired = signal.reason instanceof ConnectError && signal.reason.code === Code.DeadlineExceeded;
      if (isExpired) stream.expire();
      else stream.disconnect();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const reading = readRequests(requests, stream, outbox);
    try {
      yield* outbox.messages();
      const { position } = outbox;
      if (position !== undefined) context.responseTrailer.set(POSITION_HEADER, formatCommitPosition(position));
    } finally {
      signal.removeEventListener("abort", onAbort);
      stream.disconnect();
      await outbox.ended;
      // The requests' iterator ends with the call; an error that it throws then was answered already.
      reading.catch(() => {});
    }
  };
}

/** Feeds the stream until the requests end, waiting whenever it holds the caller back. */
async function readRequests(
  requests: AsyncIterable<WriteUploadRequest>,
  stream: WriteStream,
  outbox: Outbox,
): Promise<void> {
  try {
    for await (const request of requests) {
      if (outbox.hasEnded) return;
      if (request.message.case === "chunk") await pushChunk(request.message.value, stream, outbox);
      else if (!stream.onMessage(request)) await outbox.ready(() => !stream.isWaiting);
    }
    stream.halfClose({ isMidMessage: false });
  } catch (error) {
    stream.fail(error);
  }
}

async function pushChunk(
  chunk: Parameters<typeof toChunkHeader>[0],
  stream: WriteStream,
  outbox: Outbox,
): Promise<void> {
  const writer = stream.onChunk(toChunkHeader(chunk));
  let rest = chunk.data;
  while (rest.length > 0) {
    rest = rest.subarray(writer.write(rest));
    if (rest.length > 0) await outbox.ready(() => !stream.isWaiting);
    if (outbox.hasEnded) return;
  }
  writer.endChunk();
}

/** Carries answers from the stream's calls to the generator that connect-node pulls. */
class Outbox {
  hasEnded = false;
  /** The commit position behind the file of this call. */
  position: CommitPosition | undefined;
  readonly ended: Promise<void>;
  #messages: WriteUploadResponse[] = [];
  #error: unknown;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  #resolveEnded: () => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  send = (message: WriteUploadResponse): void => {
    // A caller that does not read its answers gets the newest progress only, so that the queue stays bounded.
    const last = this.#messages.at(-1)?.message.case;
    if (message.message.case === "progress" && last === "progress") this.#messages.pop();
    this.#messages.push(message);
    this.#wakeReader?.();
  };

  onReady = (): void => {
    this.#wakeWriter?.();
  };

  end = (error?: unknown, position?: CommitPosition): void => {
    this.hasEnded = true;
    this.position = position;
    this.#error = error;
    this.#wakeReader?.();
    this.#wakeWriter?.();
    this.#resolveEnded();
  };

  /** Waits until the stream takes more, or has ended. */
  async ready(isReady: () => boolean): Promise<void> {
    while (!this.hasEnded && !isReady()) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  async *messages(): AsyncGenerator<WriteUploadResponse> {
    for (;;) {
      const messages = this.#messages;
      this.#messages = [];
      yield* messages;
      if (this.#messages.length > 0) continue;
      if (this.hasEnded) {
        if (this.#error !== undefined) throw this.#error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }
}
