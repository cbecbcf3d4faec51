import type { WriteUploadRequest, WriteUploadResponse } from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Caller } from "../domain/caller.ts";
import type { CommitPosition } from "../domain/commit-position.ts";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import type { ChunkHeader } from "../transfer/chunk-rules.ts";
import { withResumePoint } from "../transfer/resume-point.ts";
import { beginWriteUpload, type WriteAccess, type WriteSession } from "../transfer/write-upload.ts";
import {
  fromFinish,
  fromStart,
  toCommittedMessage,
  toOutcomeMessage,
  toProgressMessage,
  toStartedMessage,
} from "./write-messages.ts";

/** What a transport does for its stream. */
export interface Transport {
  /** The stream takes bytes and messages again. */
  onReady: () => void;
  /** Bytes that were handed to `onChunkBytes` are needed no longer. */
  onReleased: (bytes: readonly Uint8Array[]) => void;
  send: (message: WriteUploadResponse) => void;
  /** Ends the call, with an error or well; behind a commit with its position. Called once, after everything has settled. */
  end: (error?: unknown, position?: CommitPosition) => void;
}

/** What a call asks of the service around it. */
export interface WriteStreamOptions {
  authenticate: () => Promise<Caller>;
  /** As of `ApiOptions`. */
  catchUp: () => Promise<CommitPosition | undefined>;
}

/**
 * The order of one WriteUpload call, whatever carries it: authenticate, start, chunks, finish, answer. Anything out of
 * order, and anything that fails, ends the call once: the session settles and records first, and the error then says
 * the upload's id and durable offset, to go on from.
 */
export class WriteStream {
  readonly #access: WriteAccess;
  readonly #transport: Transport;
  readonly #caller: Promise<Caller>;
  readonly #catchUp: WriteStreamOptions["catchUp"];
  #session: WriteSession | undefined;
  #phase: "expecting-start" | "starting" | "writing" | "finishing" | "ended" = "expecting-start";
  #failure: unknown;
  /** Aborts a call whose caller never sends its start. */
  readonly #startTimer: NodeJS.Timeout;

  constructor(access: WriteAccess, { authenticate, catchUp }: WriteStreamOptions, transport: Transport) {
    this.#access = access;
    this.#transport = transport;
    this.#catchUp = catchUp;
    this.#startTimer = setTimeout(() => this.fail(toNoStart(access)), access.limits.stallTimeoutMs);
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
        const start = fromStart(message.message.value);
        this.#start(start).catch((error) => this.fail(error));
        return false;
      }
      case "finish": {
        const session = this.#require("finish");
        const finish = fromFinish(message.message.value);
        this.#phase = "finishing";
        // What came together with the finish is read first: bytes after it are refused before anything is committed.
        setImmediate(() => this.#finish(session, finish));
        return true;
      }
      default:
        throw toSequenceError("a message is empty; it must carry a start, a chunk or a finish");
    }
  };

  onChunkBegin = (header: ChunkHeader): void => {
    this.#require("a chunk").beginChunk(header);
  };

  onChunkBytes = (bytes: Uint8Array): number => {
    // A call that has failed takes no more: its caller is held back until it is answered.
    if (this.#phase !== "writing") return 0;
    return (this.#session as WriteSession).write(bytes);
  };

  onChunkEnd = (): void => {
    if (this.#phase === "writing") (this.#session as WriteSession).endChunk();
  };

  /** Whether the writer holds the caller back. */
  get isWaiting(): boolean {
    return this.#phase === "starting" || (this.#session?.isWaiting ?? false);
  }

  /** The caller has ended its side. Without a finish that commits nothing, and loses nothing durable. */
  halfClose(options: { isMidMessage: boolean }): void {
    if (this.#phase === "finishing" || this.#phase === "ended") return;
    const what = options.isMidMessage ? "in the middle of a message" : "without finish";
    this.fail(toSequenceError(`the stream ended ${what}: nothing is committed; go on from the durable offset`));
  }

  /** The connection is gone: nobody hears an answer, but what is durable is recorded. A finish under way goes on. */
  disconnect(): void {
    if (this.#phase === "finishing" || this.#phase === "ended") return;
    this.fail(
      new DomainError("aborted", "the caller went away; go on from the durable offset", { reason: "CALLER_GONE" }),
    );
  }

  /** The caller's deadline has passed: it is not waiting any more. A finish under way goes on. */
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

  async #start(start: ReturnType<typeof fromStart>): Promise<void> {
    const caller = await this.#caller;
    const session = await beginWriteUpload(this.#access, start, {
      caller,
      events: {
        onReady: () => this.#transport.onReady(),
        onReleased: (bytes) => this.#transport.onReleased(bytes),
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
      const position = await this.#catchUp();
      this.#transport.send(toCommittedMessage(file));
      this.#end(undefined, position);
    } catch (error) {
      this.#end(error);
    }
  }

  async #finish(session: WriteSession, finish: ReturnType<typeof fromFinish>): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const outcome = await session.finish(finish);
      const isCommitted = outcome.kind === "committed";
      // Nobody hears of the file while something cached here hides it.
      const position = isCommitted ? await this.#catchUp() : undefined;
      this.#transport.send(toProgressMessage({ ...session.progress, isCommitted }));
      const last = toOutcomeMessage(outcome);
      if (last !== undefined) this.#transport.send(last);
      this.#end(undefined, position);
    } catch (error) {
      this.#end(error);
    }
  }

  /** Settles, then answers. */
  async #end(error: unknown, position?: CommitPosition): Promise<void> {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    clearTimeout(this.#startTimer);
    const session = this.#session;
    await session?.close();
    const shown = error !== undefined && session !== undefined ? withResumePoint(error, session) : error;
    this.#transport.end(shown, position);
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

function toNoStart({ limits }: WriteAccess): DomainError {
  const message = `no start came within ${limits.stallTimeoutMs} ms; send it as the first message`;
  return new DomainError("aborted", message, {
    reason: "STALLED",
    details: { stall_timeout_ms: limits.stallTimeoutMs },
  });
}
