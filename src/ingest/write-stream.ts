import { AsyncLocalStorage } from "node:async_hooks";
import type { WriteUploadRequest, WriteUploadResponse } from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Caller } from "../domain/caller.ts";
import type { CommitPosition } from "../domain/commit-position.ts";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import type { ChunkHeader } from "../transfer/chunk-rules.ts";
import type { WriteFinish } from "../transfer/finish-write.ts";
import { withResumePoint } from "../transfer/resume-point.ts";
import type { TransferEvents } from "../transfer/transfer-access.ts";
import type { ChunkWriter } from "../transfer/upload-writer.ts";
import type { WriteSession } from "../transfer/write-session.ts";
import type { BeginWrite, WriteRequest } from "../transfer/write-upload.ts";
import {
  fromFinish,
  fromStart,
  toCommittedMessage,
  toOutcomeMessage,
  toProgressMessage,
  toStartedMessage,
} from "./write-messages.ts";

/** What a transport does for its stream. `onReady`: messages are taken again, too. */
export interface Transport extends Pick<TransferEvents, "onReady"> {
  send: (message: WriteUploadResponse) => void;
  /** Ends the call, with an error or well; behind a commit with its position. Called once, after everything has settled. */
  end: (error?: unknown, position?: CommitPosition) => void;
}

/** What a call needs of the service around it. */
export interface WriteStreamOptions {
  authenticate: () => Promise<Caller>;
  beginWrite: BeginWrite;
  /** Milliseconds until a call without a start ends, and the most bytes of a chunk. */
  limits: { stallTimeoutMs: number; chunkSizeMaxBytes: number };
  /** As of `ApiOptions`. */
  markCommit: (caller: Caller) => Promise<CommitPosition | undefined>;
}

/**
 * The order of one WriteUpload call, whatever carries it: authenticate, start, chunks, finish, answer. A message out of order
 * and any error end the call, once: the session settles and records first, and the error then tells the upload's id and the
 * durable offset, from which the caller can go on.
 */
export class WriteStream {
  readonly #begin: BeginWrite;
  readonly #transport: Transport;
  readonly #caller: Promise<Caller>;
  readonly #markCommit: WriteStreamOptions["markCommit"];
  #session: WriteSession | undefined;
  #phase: "expecting-start" | "starting" | "writing" | "finishing" | "ended" = "expecting-start";
  #failure: unknown;
  /** Runs its argument as a part of the call: the events of a stream come outside of it. */
  readonly #inCall = AsyncLocalStorage.snapshot();
  /** Aborts a call whose caller never sends its start. */
  readonly #startTimer: NodeJS.Timeout;

  constructor({ authenticate, beginWrite, markCommit, limits }: WriteStreamOptions, transport: Transport) {
    this.#begin = beginWrite;
    this.#transport = transport;
    this.#markCommit = markCommit;
    this.#startTimer = setTimeout(() => this.fail(toNoStart(limits)), limits.stallTimeoutMs);
    this.#caller = authenticate();
    this.#caller.catch((error) => this.fail(error));
  }

  /** A start or finish. False: the stream must not go on before `onReady`. */
  onMessage = (message: WriteUploadRequest): boolean => {
    switch (message.message.case) {
      case "start": {
        if (this.#phase !== "expecting-start") throw toSequenceError("a second start came; a stream has one");
        this.#phase = "starting";
        clearTimeout(this.#startTimer);
        const request = fromStart(message.message.value);
        this.#inCall(() => this.#start(request)).catch((error) => this.fail(error));
        return false;
      }
      case "finish": {
        const session = this.#require("finish");
        const finish = fromFinish(message.message.value);
        this.#phase = "finishing";
        // The parser first reads what came together with the finish, so that bytes after it are refused before a commit.
        setImmediate(() => this.#inCall(() => this.#finish(session, finish)));
        return true;
      }
      default:
        throw toSequenceError("a message is empty; it must carry a start, a chunk or a finish");
    }
  };

  /** A chunk begins. Its writer takes no bytes once the call has failed: the caller is held back until it is answered. */
  onChunk = (header: ChunkHeader): ChunkWriter => this.#require("a chunk").beginChunk(header);

  /** Whether the writer holds the caller back. */
  get isWaiting(): boolean {
    return this.#phase === "starting" || (this.#session?.isWaiting ?? false);
  }

  /** The caller has ended its side. Without a finish, nothing is committed and no durable byte is lost. */
  halfClose(options: { isMidMessage: boolean }): void {
    if (this.#phase === "finishing" || this.#phase === "ended") return;
    const what = options.isMidMessage ? "in the middle of a message" : "without finish";
    this.fail(toSequenceError(`the stream ended ${what}: nothing is committed; go on from the durable offset`));
  }

  /** The connection is gone: no answer reaches the caller, but durable bytes are recorded. A finish under way goes on. */
  disconnect(): void {
    if (this.#phase === "finishing" || this.#phase === "ended") return;
    this.fail(
      new DomainError("aborted", "the caller went away; go on from the durable offset", { reason: "CALLER_GONE" }),
    );
  }

  /** The caller's deadline has passed: the caller does not wait any more. A finish under way goes on. */
  expire(): void {
    if (this.#phase === "finishing" || this.#phase === "ended") return;
    const message = "the call's deadline has passed; go on from the durable offset, and allow more time";
    this.fail(new DomainError("deadline_exceeded", message, { reason: "DEADLINE_EXCEEDED" }));
  }

  /** Ends the call with an error, once everything has settled. Only the first counts. */
  fail(error: unknown): void {
    if (this.#phase === "ended" || (this.#phase === "finishing" && this.#failure !== undefined)) return;
    this.#failure ??= error;
    // A finish that has begun to commit reports its own outcome.
    if (this.#phase !== "finishing") this.#end(error);
  }

  async #start(request: WriteRequest): Promise<void> {
    const caller = await this.#caller;
    const session = await this.#begin(request, {
      caller,
      events: {
        onReady: this.#transport.onReady,
        onProgress: (progress) => this.#transport.send(toProgressMessage(progress)),
        onFailed: (error) => this.fail(error),
      },
    });
    this.#session = session;
    if (this.#phase === "ended") {
      await session.close();
      return;
    }
    this.#phase = "writing";
    this.#transport.send(toStartedMessage(session.started));
    if (session.committed === undefined) this.#transport.onReady();
    else await this.#answerCommitted(session.committed);
  }

  /** The upload was committed before this call began. */
  async #answerCommitted(file: File): Promise<void> {
    this.#phase = "finishing";
    try {
      const position = await this.#markCommit(await this.#caller);
      this.#transport.send(toCommittedMessage(file));
      this.#end(undefined, position);
    } catch (error) {
      this.#end(error);
    }
  }

  async #finish(session: WriteSession, finish: WriteFinish): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const outcome = await session.finish(finish);
      const isCommitted = outcome.kind === "committed";
      // The caller is told of the file only once the caller's reads here are sure to see it.
      const position = isCommitted ? await this.#markCommit(await this.#caller) : undefined;
      this.#transport.send(toProgressMessage({ ...session.progress, isCommitted }));
      const last = toOutcomeMessage(outcome);
      if (last !== undefined) this.#transport.send(last);
      this.#end(undefined, position);
    } catch (error) {
      this.#end(error);
    }
  }

  /** Lets the session settle, then answers. */
  async #end(error: unknown, position?: CommitPosition): Promise<void> {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    clearTimeout(this.#startTimer);
    const session = this.#session;
    await session?.close();
    if (error === undefined || session === undefined) this.#transport.end(error, position);
    else this.#transport.end(withResumePoint(await session.recordFailure(error), session));
  }

  #require(what: string): WriteSession {
    if (this.#phase === "writing" && this.#session !== undefined) return this.#session;
    if (this.#phase === "finishing") throw toSequenceError(`${what} came after finish; nothing may follow it`);
    throw toSequenceError(`${what} came before start; send start first`);
  }
}

function toSequenceError(message: string): DomainError {
  return new DomainError("invalid_argument", message, { reason: "SEQUENCE_INVALID" });
}

function toNoStart(limits: WriteStreamOptions["limits"]): DomainError {
  const message = `no start came within ${limits.stallTimeoutMs} ms; send it as the first message`;
  return new DomainError("aborted", message, {
    reason: "STALLED",
    details: { stall_timeout_ms: limits.stallTimeoutMs },
  });
}
