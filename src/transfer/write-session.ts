import { assertSha256 } from "../commands/uploads/create-upload.ts";
import type { WrittenBytes } from "../commands/uploads/written-bytes.ts";
import type { Caller } from "../domain/caller.ts";
import type { Actor } from "../domain/deed.ts";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import type { Upload } from "../domain/uploads/upload.ts";
import type { GrantedWriter, ReceivedNote } from "../domain/uploads/upload-writers.ts";
import type { ChunkHeader } from "./chunk-rules.ts";
import { finishUnwritten, finishWritten, type WriteFinish, type WriteOutcome } from "./finish-write.ts";
import { type StartedReply, toStartedReply } from "./started-reply.ts";
import type { TransferAccess, TransferEvents, WriteProgress } from "./transfer-access.ts";
import { type MeteredBytes, TransferMeter } from "./transfer-meter.ts";
import type { SessionLoad, UploadSessions, UploadSlot, WritingSession } from "./upload-sessions.ts";
import { type ChunkWriter, UploadWriter } from "./upload-writer.ts";

/** What a stream that has begun works with. */
export interface SessionAccess extends TransferAccess {
  sessions: UploadSessions;
  /** The clock of stalls, progress and heartbeats, in milliseconds; tests inject it. */
  now?: () => number;
}

/** What a stream is begun with, beside its request. */
export interface BeginOptions {
  caller: Caller;
  events: TransferEvents;
  /** Asked again and again while the stream writes: why its caller may not go on any more; undefined while they may. */
  findRefusal?: (() => DomainError | undefined) | undefined;
  /**
   * Told why a stream failed that had begun. Undefined when nobody has to wait; otherwise it rejects with the error that the caller
   * hears in place of the stream's.
   */
  recordFailure?: ((error: unknown, upload: Upload) => Promise<void> | undefined) | undefined;
}

/** For an upload that takes no more bytes: of its chunks only those without any may come, which keep the stream alive. */
const NO_BYTES: ChunkWriter = { write: () => 0, endChunk: () => {} };

const TICK_MS = 200;
const PROGRESS_EVERY_MS = 5000;
const HEARTBEAT_EVERY_MS = 5000;

/**
 * One stream of WriteUpload, whatever its transport: it hands out the writer that takes the bytes of a chunk, tells progress,
 * and commits. It watches for stalls, and keeps the upload's expiry and its received bytes up to date in the database.
 */
export class WriteSession implements WritingSession {
  readonly started: StartedReply;
  readonly #access: SessionAccess;
  readonly #slot: UploadSlot;
  readonly #granted: GrantedWriter;
  readonly #events: TransferEvents;
  readonly #findRefusal: () => DomainError | undefined;
  readonly #recordFailure: NonNullable<BeginOptions["recordFailure"]>;
  readonly #committer: Actor;
  readonly #writer: UploadWriter | undefined;
  readonly #meter: TransferMeter;
  readonly #timer: NodeJS.Timeout;
  readonly #now: () => number;
  #activityAt: number;
  /** When bytes came last, or the caller could not send any. */
  #bytesAt: number;
  #takenBytes = -1;
  #progressAt = 0;
  #progressed = -1;
  #heartbeatAt: number;
  #heartbeat: Promise<void> = Promise.resolve();
  #isFinishing = false;
  #isClosing = false;
  /** Bytes of the range, once the database knows that S3 has all of them. */
  #wholeBytes: number | undefined;

  constructor(
    access: SessionAccess,
    granted: GrantedWriter,
    options: Omit<BeginOptions, "caller"> & { committer: Actor; fileSizeMaxBytes: number; slot: UploadSlot },
  ) {
    this.#access = access;
    this.#now = access.now ?? (() => performance.now());
    this.#activityAt = this.#bytesAt = this.#heartbeatAt = this.#now();
    this.#slot = options.slot;
    this.#granted = granted;
    this.#events = options.events;
    this.#findRefusal = options.findRefusal ?? (() => undefined);
    this.#recordFailure = options.recordFailure ?? (() => undefined);
    this.#committer = options.committer;
    this.#writer = granted.upload.state === "open" ? new UploadWriter(access, granted, options.events) : undefined;
    this.started = toStartedReply(access, granted, options.fileSizeMaxBytes);
    this.#meter = new TransferMeter(granted.upload.namespace, { ...this.#reached, takenBytes: 0 });
    this.#timer = setInterval(() => this.#tick(), Math.min(TICK_MS, access.limits.stallTimeoutMs / 4));
  }

  /** The file, when the upload was committed before this stream began. */
  get committed(): File | undefined {
    return this.#granted.upload.file;
  }

  /** End of the durable bytes from where the stream's range begins. Every error of an upload carries it. */
  get durableOffset(): number {
    if (this.#wholeBytes !== undefined) return this.#granted.range.start + this.#wholeBytes;
    return this.#writer?.durableOffset ?? this.started.durable.offset;
  }

  /** Whether the caller must wait for `onReady`. */
  get isWaiting(): boolean {
    return this.#writer?.isWaiting ?? false;
  }

  get progress(): WriteProgress {
    const begunWith = this.started.durable.offset - this.#granted.range.start;
    return {
      receivedBytes: this.#writer?.receivedBytes ?? begunWith,
      durableBytes: this.#wholeBytes ?? this.#writer?.durableBytes ?? begunWith,
      durableOffset: this.durableOffset,
      isCommitted: false,
    };
  }

  /** How many bytes the writer has received, for the database. */
  get received(): ReceivedNote | undefined {
    const writer = this.#writer;
    return writer && { uploadId: writer.upload.uploadId, epoch: writer.epoch, receivedBytes: writer.receivedBytes };
  }

  get load(): SessionLoad {
    return this.#writer?.load ?? { parts: 0, spilledBytes: 0 };
  }

  get silentMs(): number {
    return this.#isClosing || this.#isFinishing ? 0 : this.#now() - this.#bytesAt;
  }

  /** Begins a chunk. The result takes its bytes; a chunk that does not fit is refused before any of them is taken. */
  beginChunk(header: ChunkHeader): ChunkWriter {
    this.#activityAt = this.#now();
    if (this.#writer !== undefined) {
      this.#writer.beginChunk(header);
      return this.#writer;
    }
    if (header.lengthBytes === 0) return NO_BYTES;
    const message = "all bytes of the upload are durable already; send finish, without chunks";
    throw new DomainError("failed_precondition", message, {
      reason: "UPLOAD_NOT_OPEN",
      details: { state: this.#granted.upload.state },
    });
  }

  /** All bytes were sent: makes them durable, and commits where that is due. From here on a caller that goes away changes nothing. */
  async finish(said: WriteFinish): Promise<WriteOutcome> {
    assertSha256(said.sha256);
    const finish = { ...said, committer: this.#committer };
    this.#isFinishing = true;
    if (this.#writer === undefined) return await finishUnwritten(this.#access, this.#granted, finish);
    const written = await this.#finishWriter(this.#writer, finish);
    try {
      const outcome = await finishWritten(this.#access, this.#granted, { written, finish });
      this.#wholeBytes = written.sizeBytes;
      return outcome;
    } catch (error) {
      // The object is assembled, and kept for a commit with another precondition, or once there is room.
      const { reason } = error instanceof DomainError ? error : {};
      if (reason === "GENERATION_MISMATCH" || reason === "QUOTA_STORAGE") this.#wholeBytes = written.sizeBytes;
      throw error;
    }
  }

  /** A finish that is refused here has begun no commit: `close` saves what is durable, as without a finish. */
  async #finishWriter(writer: UploadWriter, { sizeBytes }: WriteFinish): Promise<WrittenBytes> {
    try {
      return await writer.finish({ sizeBytes });
    } catch (error) {
      this.#isFinishing = false;
      throw error;
    }
  }

  /** Has it recorded why the stream failed, and resolves to the error that its caller hears, which is another one when that cannot be. */
  async recordFailure(error: unknown): Promise<unknown> {
    try {
      await this.#recordFailure(error, this.#granted.upload);
      return error;
    } catch (unrecorded) {
      return unrecorded;
    }
  }

  /** Ends the session with an error, as if it had failed by itself. A finish under way is not disturbed. */
  fail(error: Error): void {
    if (!this.#isFinishing) this.#events.onFailed(error);
  }

  /** Ends the session; whole parts in flight settle and are recorded. Never rejects. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#timer);
    await this.#writer?.close();
    await this.#heartbeat;
    if (this.#writer !== undefined && !this.#isFinishing) await this.#saveAtClose(this.#writer);
    this.#meter.note(this.#reached);
    this.#access.sessions.release(this.#slot);
  }

  get #reached(): MeteredBytes {
    return { takenBytes: this.#writer?.takenBytes ?? 0, durableBytes: this.progress.durableBytes };
  }

  #tick(): void {
    const now = this.#now();
    const writer = this.#writer;
    if (writer !== undefined && writer.takenBytes !== this.#takenBytes) {
      this.#takenBytes = writer.takenBytes;
      this.#activityAt = now;
      this.#bytesAt = now;
    }
    this.#meter.note(this.#reached);
    this.#tellProgress(now);
    const refusal = this.#isFinishing ? undefined : this.#findRefusal();
    if (refusal !== undefined) this.fail(refusal);
    if (this.#isFinishing || writer?.isWaiting === true) {
      this.#activityAt = now;
      this.#bytesAt = now;
    } else if (now - this.#activityAt >= this.#access.limits.stallTimeoutMs) this.fail(this.#toStalled());
    if (now - this.#heartbeatAt >= HEARTBEAT_EVERY_MS) this.#beat(now);
  }

  #tellProgress(now: number): void {
    const { progress } = this;
    const sum = progress.receivedBytes + progress.durableBytes;
    if (sum === this.#progressed && now - this.#progressAt < PROGRESS_EVERY_MS) return;
    this.#progressed = sum;
    this.#progressAt = now;
    this.#events.onProgress(progress);
  }

  #beat(now: number): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#heartbeatAt = now;
    this.#heartbeat = this.#saveHeartbeat(writer).catch((error) => {
      // Parts wait for a database that is away, so the heartbeat need not. Any other error, as of a fenced writer, ends the session.
      if (error instanceof DomainError && error.code === "unavailable") return;
      this.fail(error);
    });
  }

  async #saveHeartbeat(writer: UploadWriter): Promise<void> {
    await this.#access.uploads.writers.heartbeat(writer.upload.uploadId, writer.epoch, {
      receivedBytes: writer.receivedBytes,
      expireAfterMs: this.#access.limits.expireAfterMs,
    });
  }

  /** Saves what a stream without a finish leaves: how many bytes came, and a one-part file that S3 has acknowledged. */
  async #saveAtClose(writer: UploadWriter): Promise<void> {
    const put = writer.unrecordedPut;
    const { bucket, uploadId } = writer.upload;
    try {
      if (put !== undefined && writer.upload.sizeBytes !== undefined) {
        await this.#access.uploads.commits.assemble(uploadId, { ...put, sha256: undefined }, { epoch: writer.epoch });
        this.#wholeBytes = put.sizeBytes;
      } else await this.#saveHeartbeat(writer);
    } catch (error) {
      // The upload went on without this writer, and no row names its object. The sweeper deletes it where this delete fails.
      if (put !== undefined && error instanceof DomainError && error.code !== "unavailable") {
        await this.#access.objects.delete(bucket, put.key, { versionId: put.versionId }).catch(() => {});
      }
    }
  }

  #toStalled(): DomainError {
    const { stallTimeoutMs } = this.#access.limits;
    const message = `nothing was sent for ${stallTimeoutMs} ms; go on from the durable offset, and send empty chunks to keep a stream alive`;
    return new DomainError("aborted", message, { reason: "STALLED", details: { stall_timeout_ms: stallTimeoutMs } });
  }
}
