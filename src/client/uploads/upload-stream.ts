import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import {
  type WriteUploadCommitted,
  WriteUploadFinishSchema,
  type WriteUploadLaneDone,
  type WriteUploadProgress,
  WriteUploadRequestSchema,
  WriteUploadResponseSchema,
  type WriteUploadStarted,
  type WriteUploadStartSchema,
} from "../../../gen/sluice/v1/upload_service_pb.ts";
import { POSITION_HEADER } from "../connection/position-memory.ts";
import { fromGrpcTrailers, fromNetworkError, SluiceError, type SluiceErrorCode } from "../sluice-error.ts";
import { createFrameReader, encodeChunkHead, encodeFrame } from "./grpc-frames.ts";
import type { Lease } from "./upload-source.ts";

/** Chunks that the http2 stream has and the socket has not taken yet: one on its way, and the others ready behind it. */
const CHUNKS_PENDING_MAX = 4;

/** Time without a chunk after which an empty chunk is sent, in milliseconds: load balancers cut idle streams after 60 s. */
const KEEPALIVE_INTERVAL_MS = 15_000;

/** The service answers at least every 5 s. A stream that is silent for this long, in milliseconds, is replaced. */
const SILENCE_MAX_MS = 60_000;

/** Options of a stream. */
export interface UploadStreamOptions {
  /** Path of the method, for instance "/sluice.v1.UploadService/WriteUpload". */
  methodPath: string;
  /** Sent as `authorization: Bearer …`. */
  token: string;
  start: MessageInitShape<typeof WriteUploadStartSchema>;
  onProgress: (progress: WriteUploadProgress) => void;
  /** Called with the commit position after the stream's commit, before `outcome` resolves. */
  onPosition?: ((position: unknown) => void) | undefined;
  /** Called with the error that the call ends in, before any promise rejects with it. */
  onError?: ((error: unknown) => void) | undefined;
  signal: AbortSignal;
  silenceMaxMs?: number | undefined;
  keepaliveIntervalMs?: number | undefined;
}

/**
 * One WriteUpload call, written by hand on its http2 stream for speed: the data of a chunk goes to the socket from the buffer
 * it was read into. The call ends once: with an `outcome`, or with an error. The error aborts `ended`; every promise then
 * rejects with it, and every lease is released.
 */
export class UploadStream {
  /** The first answer: the offset to begin at, or the file when the upload was committed before. */
  readonly started: Promise<WriteUploadStarted | WriteUploadCommitted>;
  /** The last answer: the file, or that the lane is durable and the file is not committed. */
  readonly outcome: Promise<WriteUploadCommitted | WriteUploadLaneDone>;
  /** Aborted with the error as soon as the stream ends in one, so that code that waits for a source wakes up. */
  readonly ended: AbortSignal;

  readonly #stream: ClientHttp2Stream;
  readonly #manager: Http2SessionManager;
  readonly #options: UploadStreamOptions;
  readonly #started = Promise.withResolvers<WriteUploadStarted | WriteUploadCommitted>();
  readonly #outcome = Promise.withResolvers<WriteUploadCommitted | WriteUploadLaneDone>();
  readonly #ended = new AbortController();
  #room: PromiseWithResolvers<void> | undefined;
  #pending = 0;
  #nextOffset: number | undefined;
  #idleSince = Date.now();
  #silentSince = Date.now();
  #result: WriteUploadCommitted | WriteUploadLaneDone | undefined;
  #trailed = false;
  #settled = false;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort: () => void;

  /** Opens the stream and sends `start`. Rejects with `CONNECTION_LOST` or the signal's reason. */
  static async open(manager: Http2SessionManager, options: UploadStreamOptions): Promise<UploadStream> {
    const headers = {
      authorization: `Bearer ${options.token}`,
      "content-type": "application/grpc+proto",
      te: "trailers",
      "grpc-accept-encoding": "identity",
    };
    options.signal.throwIfAborted();
    const stream = await manager.request("POST", options.methodPath, headers, {}).catch((error: unknown) => {
      throw fromNetworkError(error);
    });
    if (options.signal.aborted) {
      stream.on("error", () => {});
      stream.close();
      throw options.signal.reason;
    }
    return new UploadStream(stream, manager, options);
  }

  private constructor(stream: ClientHttp2Stream, manager: Http2SessionManager, options: UploadStreamOptions) {
    this.#stream = stream;
    this.#manager = manager;
    this.#options = options;
    this.started = this.#started.promise;
    this.outcome = this.#outcome.promise;
    this.ended = this.#ended.signal;
    for (const promise of [this.started, this.outcome]) promise.catch(() => {});

    const read = createFrameReader((message) => this.#take(message));
    stream.on("response", (headers) => this.#takeHeaders(headers));
    stream.on("data", (bytes: Buffer) => {
      this.#silentSince = Date.now();
      manager.notifyResponseByteRead(stream);
      try {
        read(bytes);
      } catch (error) {
        this.cancel(violation(`the answer cannot be read: ${(error as Error).message}`));
      }
    });
    stream.on("trailers", (trailers) => this.#takeTrailers(trailers));
    stream.on("end", () => this.#takeEnd());
    stream.on("error", (error) => this.cancel(fromNetworkError(error)));
    stream.on("close", () => this.cancel(lost(`the stream was cut (HTTP/2 code ${stream.rstCode})`)));

    this.#onAbort = () => this.cancel(options.signal.reason);
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    const keepaliveMs = options.keepaliveIntervalMs ?? KEEPALIVE_INTERVAL_MS;
    const silenceMs = options.silenceMaxMs ?? SILENCE_MAX_MS;
    this.#timer = setInterval(() => this.#watch(keepaliveMs, silenceMs), Math.min(keepaliveMs, silenceMs) / 2);
    stream.write(encodeRequest({ message: { case: "start", value: options.start } }));
  }

  /**
   * Sends the next bytes. Resolves when there is room for more. Every chunk carries its CRC32. The lease is released when the
   * socket has taken the bytes. Rejects once the stream has ended in an error.
   */
  async send(chunk: { offset: number; crc32: number }, lease: Lease): Promise<void> {
    if (this.#settled) {
      lease.release();
      throw this.#ended.signal.reason;
    }
    this.#writeChunk(chunk, lease);
    if (this.#pending >= CHUNKS_PENDING_MAX) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
  }

  /** Says that no more bytes follow, which checksum they must have, and whether to commit. */
  finish(finish: MessageInitShape<typeof WriteUploadFinishSchema>): void {
    if (this.#settled) return;
    this.#nextOffset = undefined;
    const value = create(WriteUploadFinishSchema, finish);
    this.#stream.end(encodeRequest({ message: { case: "finish", value } }));
  }

  /** Ends the call with an error, if it has not ended. Durable bytes stay durable. */
  cancel(reason: unknown): void {
    if (this.#settled) return;
    this.#options.onError?.(reason);
    this.#settle(0x8); // CANCEL: writes that are queued are dropped, and their leases released
    this.#ended.abort(reason);
    this.#started.reject(reason);
    this.#outcome.reject(reason);
    this.#room?.reject(reason);
  }

  #writeChunk(chunk: { offset: number; crc32: number }, lease: Lease): void {
    const sizeBytes = lease.bytes.length;
    this.#nextOffset = chunk.offset + sizeBytes;
    this.#idleSince = Date.now();
    this.#pending++;
    this.#stream.cork();
    this.#stream.write(encodeChunkHead({ ...chunk, sizeBytes }));
    this.#stream.write(lease.bytes, () => this.#flushed(lease));
    this.#stream.uncork();
  }

  #flushed(lease: Lease): void {
    lease.release();
    this.#pending--;
    if (this.#settled) return;
    // The socket takes bytes, so the connection is alive, and a PING would only wait behind them.
    this.#manager.notifyResponseByteRead(this.#stream);
    this.#idleSince = Date.now();
    this.#room?.resolve();
    this.#room = undefined;
  }

  #takeHeaders(headers: IncomingHttpHeaders & { ":status"?: number | undefined }): void {
    this.#silentSince = Date.now();
    const status = headers[":status"];
    if (headers["grpc-status"] !== undefined) this.#takeTrailers(headers);
    else if (status !== 200) this.cancel(fromHttpStatus(status ?? 0));
    else if (!headers["content-type"]?.startsWith("application/grpc")) {
      this.cancel(notSluice(`it answers with content type "${headers["content-type"]}"`));
    }
  }

  #take(message: Uint8Array): void {
    const answer = fromBinary(WriteUploadResponseSchema, message).message;
    switch (answer.case) {
      case "started":
        this.#nextOffset ??= Number(answer.value.durableOffset);
        this.#started.resolve(answer.value);
        return;
      case "progress":
        this.#options.onProgress(answer.value);
        return;
      case "committed":
        this.#result = answer.value;
        this.#started.resolve(answer.value);
        return;
      case "laneDone":
        this.#result = answer.value;
        return;
      default: // a message of a newer service; this client does not wait for it
    }
  }

  /** An error counts at once, even while chunks are still being written. OK counts only at the end of the answer. */
  #takeTrailers(trailers: Readonly<Record<string, unknown>>): void {
    this.#trailed = trailers["grpc-status"] !== undefined;
    this.#options.onPosition?.(trailers[POSITION_HEADER]);
    const error = this.#trailed ? fromGrpcTrailers(trailers) : undefined;
    if (error !== undefined) this.cancel(error);
  }

  #takeEnd(): void {
    if (this.#settled) return;
    if (!this.#trailed) this.cancel(lost("the answer ended without a status"));
    else if (this.#result === undefined) this.cancel(violation("the call ended well but named no file"));
    else {
      this.#settle(0x0);
      this.#outcome.resolve(this.#result);
    }
  }

  #settle(rstCode: number): void {
    this.#settled = true;
    clearInterval(this.#timer);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    if (!this.#stream.closed) this.#stream.close(rstCode);
  }

  #watch(keepaliveMs: number, silenceMs: number): void {
    const now = Date.now();
    if (now - this.#silentSince >= silenceMs) this.cancel(lost(`the service said nothing for ${silenceMs / 1000} s`));
    else if (this.#nextOffset !== undefined && this.#pending === 0 && now - this.#idleSince >= keepaliveMs) {
      this.#writeChunk({ offset: this.#nextOffset, crc32: 0 }, { bytes: new Uint8Array(), release: () => {} });
    }
  }
}

function encodeRequest(request: MessageInitShape<typeof WriteUploadRequestSchema>): Buffer {
  return encodeFrame(toBinary(WriteUploadRequestSchema, create(WriteUploadRequestSchema, request)));
}

/** HTTP statuses come from servers between client and service. The mapping is gRPC's (http-grpc-status-mapping.md). */
function fromHttpStatus(status: number): SluiceError {
  const codes: Readonly<Record<number, SluiceErrorCode>> = {
    401: "unauthenticated",
    403: "permission_denied",
    429: "unavailable",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
  };
  const code = codes[status];
  if (code === undefined) return notSluice(`it answers with HTTP status ${status}`);
  return new SluiceError(code, `something before the service answered with HTTP status ${status}`, {
    reason: `HTTP_${status}`,
  });
}

function notSluice(how: string): SluiceError {
  return new SluiceError("unimplemented", `this is no Sluice service: ${how}; check the URL`, { reason: "NOT_SLUICE" });
}

function violation(what: string): SluiceError {
  return new SluiceError("internal", what, { reason: "PROTOCOL_VIOLATED" });
}

function lost(how: string): SluiceError {
  return new SluiceError("unavailable", `the connection to the service was lost: ${how}`, {
    reason: "CONNECTION_LOST",
  });
}
