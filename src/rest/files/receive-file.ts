import type { Readable } from "node:stream";
import type { Caller } from "../../domain/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { FrameBytes, noteWhole } from "../../domain/memory/buffer-accounts.ts";
import type { NodeRequest } from "../../rpc/listener/node-messages.ts";
import type { UploadFunctions } from "../../rpc/services/upload-service.ts";
import type { WriteFinish } from "../../transfer/finish-write.ts";
import { withResumePoint } from "../../transfer/resume-point.ts";
import type { ChunkWriter } from "../../transfer/upload-writer.ts";
import type { WriteSession } from "../../transfer/write-session.ts";
import type { WriteRequest } from "../../transfer/write-upload.ts";
import { continueRequest } from "../requests/continue-request.ts";
import type { RestCall } from "../requests/rest-call.ts";

/**
 * Writes the body of a request into an upload and commits it. Buffers go from the socket into the S3 requests of their parts
 * as they are, like those of WriteUpload. When a caller is faster than S3, its connection holds it back.
 *
 * The body is asked for once the upload has begun: a refusal comes before any byte is sent. A caller that leaves before the
 * last byte commits nothing: the upload keeps its durable bytes. When the same request is sent again under the same request
 * id, it resumes that upload, and its bytes are compared with the stored ones from the first byte on. Leaving after the last
 * byte changes nothing. Every error of the upload has its id and durable offset.
 */
export async function receiveFile(
  beginWrite: UploadFunctions["beginWrite"],
  start: WriteRequest,
  { call, caller, declared }: { call: RestCall; caller: Caller; declared: Pick<WriteFinish, "crc32" | "sha256"> },
): Promise<File> {
  let body: Body | undefined;
  let failure: unknown;
  const session = await beginWrite(start, {
    caller,
    events: {
      onReady: () => body?.resume(),
      // An HTTP response cannot report progress before the answer itself.
      onProgress: () => {},
      onFailed: (error) => {
        failure = error;
        body?.fail(error);
      },
    },
  });
  try {
    if (session.committed !== undefined) return session.committed;
    // All bytes of an upload that is no longer open are there; only the commit is left.
    if (session.started.upload.state === "open") {
      continueRequest(call);
      body = new Body(call.request, session);
      if (failure !== undefined) body.fail(failure);
      else if (call.signal.aborted) body.fail(toGone());
      await body.ended;
    }
    const sizeBytes = body?.sizeBytes;
    const outcome = await session.finish({ ...declared, sizeBytes, commit: true });
    if (outcome.kind === "committed") return outcome.file;
    throw new Error(`the upload is ${outcome.kind} though its commit was asked for`);
  } catch (error) {
    throw withResumePoint(await session.recordFailure(error), session);
  } finally {
    await session.close();
  }
}

/** The body of one request on its way into a session. It is paused whenever the session takes no more. */
class Body {
  /** Resolves when all bytes were taken; rejects when no more will be taken. */
  readonly ended: Promise<void>;
  /** Bytes taken. */
  sizeBytes = 0;
  readonly #request: NodeRequest;
  readonly #source: Readable;
  readonly #session: WriteSession;
  readonly #frames = new FrameBytes();
  /** Takes the bytes of the last buffer. */
  #chunk: ChunkWriter | undefined;
  /** The bytes of the last buffer that the session has not taken yet. */
  #rest: Uint8Array | undefined;
  #hasEnded = false;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(request: NodeRequest, session: WriteSession) {
    this.#request = request;
    // This is the stream itself: the compatible API around it would copy nothing, but would queue everything once more.
    this.#source = isHttp2(request) ? request.stream : request;
    this.#session = session;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // The promise may reject before anybody awaits it.
    this.ended.catch(() => {});
    this.#source.on("data", this.#onData).on("end", this.#onEnd).on("close", this.#onClose);
    // HTTP/2 ends a stream without a body before anybody listens.
    if (this.#source.readableEnded) this.#onEnd();
  }

  /** Must be called when the session takes bytes again. */
  resume(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    // The rest is taken away first: the session may call `resume` again while it takes bytes.
    this.#rest = undefined;
    this.#push(rest);
    if (this.#rest !== undefined) return;
    if (this.#hasEnded) this.#settle(this.#resolve);
    else this.#source.resume();
  }

  /** Stops reading. Only the first call counts. */
  fail(error: unknown): void {
    this.#rest = undefined;
    this.#source.pause();
    this.#settle(() => this.#reject(error));
  }

  #onData = (bytes: Buffer): void => {
    if (isHttp2(this.#request)) this.#frames.note(bytes);
    else noteWhole(bytes);
    try {
      this.#chunk = this.#session.beginChunk({ offset: this.sizeBytes, lengthBytes: bytes.length, crc32: undefined });
      this.#push(bytes);
    } catch (error) {
      this.fail(error);
    }
  };

  #push(bytes: Uint8Array): void {
    const chunk = this.#chunk as ChunkWriter;
    try {
      const taken = chunk.write(bytes);
      this.sizeBytes += taken;
      if (taken < bytes.length) {
        this.#rest = bytes.subarray(taken);
        this.#source.pause();
        return;
      }
      this.#rest = undefined;
      chunk.endChunk();
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Called when the body ends. The last bytes may still wait for the session. Over HTTP/2 it is also called for a stream that
   * its caller has reset. Some clients (Node's) even end a stream in the very moment in which they reset it, so the end waits
   * until the reset, if there is one, is seen.
   */
  #onEnd = (): void => {
    if (isHttp2(this.#request)) setImmediate(this.#endUnlessReset, this.#request.stream);
    else if (this.#request.complete) this.#end();
  };

  #endUnlessReset = (stream: { readonly aborted: boolean }): void => {
    if (stream.aborted) this.fail(toGone());
    else this.#end();
  };

  #end(): void {
    this.#hasEnded = true;
    if (this.#rest === undefined) this.#settle(this.#resolve);
  }

  #onClose = (): void => {
    if (!this.#hasEnded) this.fail(toGone());
  };

  #settle(how: () => void): void {
    this.#source.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    how();
  }
}

function toGone(): DomainError {
  const message = "the caller went away before the last byte; go on from the durable offset";
  return new DomainError("aborted", message, { reason: "CALLER_GONE" });
}

function isHttp2(request: NodeRequest): request is Extract<NodeRequest, { stream: unknown }> {
  return "stream" in request && request.httpVersionMajor === 2;
}
