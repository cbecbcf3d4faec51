import { adoptAtStart } from "../commands/uploads/adopt-parts.ts";
import {
  assertSha256,
  type CreateAccess,
  type CreateUploadRequest,
  createUpload,
} from "../commands/uploads/create-upload.ts";
import { withDatabase } from "../commands/uploads/upload-access.ts";
import type { WrittenBytes } from "../commands/uploads/written-bytes.ts";
import type { Caller } from "../domain/caller.ts";
import { parseUuid } from "../domain/command-identity.ts";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import { requireNamespace } from "../domain/namespace.ts";
import type { ByteRange, Upload } from "../domain/uploads/upload.ts";
import type { ReceivedNote, WriterStart } from "../domain/uploads/upload-writers.ts";
import type { ChunkHeader } from "./chunk-rules.ts";
import { finishUnwritten, finishWritten, type WriteFinish, type WriteOutcome } from "./finish-write.ts";
import type { TransferAccess } from "./transfer-access.ts";
import type { UploadSessions, UploadSlot, WritingSession } from "./upload-sessions.ts";
import { UploadWriter } from "./upload-writer.ts";
import { toStarted, type WriteStarted } from "./write-started.ts";

/** Which upload a stream writes to, and which range of it: all of it without a lane. */
export type WriteStart = ({ create: CreateUploadRequest } | { namespace: string; uploadId: string }) & {
  lane?: ByteRange | undefined;
};

/** How far a stream is with its lane, or with the whole file; in bytes. */
export interface WriteProgress {
  receivedBytes: number;
  durableBytes: number;
  /** End of the durable bytes from where the stream's range begins, without a gap; counts from the start of the file. */
  durableOffset: number;
  isCommitted: boolean;
}

/** How the transport hears of what happens beside its own calls. */
export interface SessionEvents {
  /** `write` takes bytes again. */
  onReady: () => void;
  onProgress: (progress: WriteProgress) => void;
  /** S3 has acknowledged these bytes and nothing here refers to them any more: their memory may be given back. */
  onReleased: (bytes: readonly Uint8Array[]) => void;
  /** The session has failed: stop reading, `close`, answer with the error. Called at most once. */
  onFailed: (error: Error) => void;
}

const TICK_MS = 200;
const PROGRESS_EVERY_MS = 5000;
const HEARTBEAT_EVERY_MS = 5000;

/** What a stream of WriteUpload works with. */
export interface WriteAccess extends CreateAccess, TransferAccess {
  sessions: UploadSessions;
}

/** Begins to write: creates or finds the upload, and makes this stream its newest writer. */
export async function beginWriteUpload(
  access: WriteAccess,
  start: WriteStart,
  options: { caller: Caller; events: SessionEvents },
): Promise<WriteSession> {
  // The slot comes first: who is refused for lack of one must not have fenced the writer before.
  const slot = await access.sessions.admit(options.caller.principal);
  try {
    const target =
      "create" in start
        ? (await createUpload(access, start.create, options)).upload
        : { namespace: start.namespace, uploadId: parseUuid(start.uploadId, "start.upload.upload_id") };
    const namespace = requireNamespace(access.namespaces, target.namespace);
    const begun = await withDatabase(access, () =>
      access.uploads.writers.beginWriter(target.namespace, target.uploadId, {
        instance: access.instance,
        expireAfterMs: access.limits.expireAfterMs,
        lane: start.lane,
      }),
    );
    assertWritable(begun.upload);
    const begin = await adoptAtStart(access, begun);
    access.sessions.assertAdmitting();
    const { fileSizeMaxBytes } = namespace;
    const session = new WriteSession(access, begin, { fileSizeMaxBytes, slot, events: options.events });
    slot.session = session;
    return session;
  } catch (error) {
    access.sessions.release(slot);
    throw error;
  }
}

function assertWritable(upload: Upload): void {
  if (upload.state !== "aborted" && upload.state !== "expired") return;
  throw new DomainError("failed_precondition", `the upload was ${upload.state}; begin a new one`, {
    reason: "UPLOAD_NOT_OPEN",
    details: { state: upload.state },
  });
}

/**
 * One stream of WriteUpload, whatever its transport: bytes in, progress out, then the commit. Watches for stalls, and
 * keeps the upload's expiry and its received bytes up to date in the database.
 */
export class WriteSession implements WritingSession {
  readonly started: WriteStarted;
  readonly #access: WriteAccess;
  readonly #slot: UploadSlot;
  readonly #begin: WriterStart;
  readonly #events: SessionEvents;
  readonly #writer: UploadWriter | undefined;
  readonly #timer: NodeJS.Timeout;
  #activityAt = performance.now();
  /** When bytes came last, or the caller could not send any. */
  #bytesAt = performance.now();
  #takenBytes = -1;
  #progressAt = 0;
  #progressed = -1;
  #heartbeatAt = performance.now();
  #heartbeat: Promise<void> = Promise.resolve();
  #isFinishing = false;
  #hasFailed = false;
  /** Bytes of the range, once the database knows that S3 has all of them, by whatever rows. */
  #wholeBytes: number | undefined;

  constructor(
    access: WriteAccess,
    begin: WriterStart,
    options: { events: SessionEvents; fileSizeMaxBytes: number; slot: UploadSlot },
  ) {
    this.#access = access;
    this.#slot = options.slot;
    this.#begin = begin;
    this.#events = options.events;
    const { onReady, onReleased } = options.events;
    const events = { onReady, onReleased, onFailed: (error: Error) => this.fail(error) };
    this.#writer = begin.upload.state === "open" ? new UploadWriter(access, begin, events) : undefined;
    this.started = toStarted(access, begin, options.fileSizeMaxBytes);
    this.#timer = setInterval(() => this.#tick(), Math.min(TICK_MS, access.limits.stallTimeoutMs / 4));
  }

  /** The file, when the upload was committed before this stream began. */
  get committed(): File | undefined {
    return this.#begin.upload.file;
  }

  /** End of the durable bytes from where the stream's range begins: what every error of an upload carries. */
  get durableOffset(): number {
    if (this.#wholeBytes !== undefined) return this.#begin.range.start + this.#wholeBytes;
    return this.#writer?.durableOffset ?? this.started.durable.offset;
  }

  /** Whether the caller must wait for `onReady`. */
  get isWaiting(): boolean {
    return this.#writer?.isWaiting ?? false;
  }

  get progress(): WriteProgress {
    const begunWith = this.started.durable.offset - this.#begin.range.start;
    return {
      receivedBytes: this.#writer?.receivedBytes ?? begunWith,
      durableBytes: this.#wholeBytes ?? this.#writer?.durableBytes ?? begunWith,
      durableOffset: this.durableOffset,
      isCommitted: false,
    };
  }

  /** What the database is told of the writer's progress. */
  get received(): ReceivedNote | undefined {
    const writer = this.#writer;
    return writer && { uploadId: writer.upload.uploadId, epoch: writer.epoch, receivedBytes: writer.receivedBytes };
  }

  get silentMs(): number {
    return this.#hasFailed || this.#isFinishing ? 0 : performance.now() - this.#bytesAt;
  }

  beginChunk(header: ChunkHeader): void {
    this.#activityAt = performance.now();
    this.#writer?.beginChunk(header);
    if (this.#writer === undefined && header.lengthBytes > 0) {
      const message = "all bytes of the upload are durable already; send finish, without chunks";
      throw new DomainError("failed_precondition", message, {
        reason: "UPLOAD_NOT_OPEN",
        details: { state: this.#begin.upload.state },
      });
    }
  }

  /** Takes bytes of the open chunk, by reference; returns how many. The rest is to be offered again on `onReady`. */
  write(bytes: Uint8Array): number {
    return this.#writer?.write(bytes) ?? bytes.length;
  }

  endChunk(): void {
    this.#writer?.endChunk();
  }

  /** All bytes were sent: they are made durable, and committed where that is due. From here on the caller's going away changes nothing. */
  async finish(finish: WriteFinish): Promise<WriteOutcome> {
    assertSha256(finish.sha256);
    this.#isFinishing = true;
    if (this.#writer === undefined) return await finishUnwritten(this.#access, this.#begin, finish);
    const written = await this.#finishWriter(this.#writer, finish);
    try {
      const outcome = await finishWritten(this.#access, this.#begin, { written, finish });
      this.#wholeBytes = written.sizeBytes;
      return outcome;
    } catch (error) {
      // Assembled, and kept until a commit with another precondition.
      if (error instanceof DomainError && error.reason === "GENERATION_MISMATCH") this.#wholeBytes = written.sizeBytes;
      throw error;
    }
  }

  /** A finish that is refused here has begun no commit: what is durable is saved as without one. */
  async #finishWriter(writer: UploadWriter, { sizeBytes }: WriteFinish): Promise<WrittenBytes> {
    try {
      return await writer.finish({ sizeBytes });
    } catch (error) {
      this.#isFinishing = false;
      throw error;
    }
  }

  /** Ends the session with an error, as if it had failed by itself. A finish under way is not disturbed. */
  fail(error: Error): void {
    if (this.#hasFailed || this.#isFinishing) return;
    this.#hasFailed = true;
    this.#events.onFailed(error);
  }

  /** Ends the session; what is in flight settles and is recorded. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writer?.close();
    await this.#heartbeat;
    if (this.#writer !== undefined && !this.#isFinishing) await this.#saveAtClose(this.#writer);
    this.#access.sessions.release(this.#slot);
  }

  #tick(): void {
    const now = performance.now();
    const writer = this.#writer;
    if (writer !== undefined && writer.takenBytes !== this.#takenBytes) {
      this.#takenBytes = writer.takenBytes;
      this.#activityAt = now;
      this.#bytesAt = now;
    }
    this.#tellProgress(now);
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
      // A database that is away is waited for where a part needs it; being fenced ends the session.
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

  /** What a stream without finish leaves: its received bytes, and a one-part file that S3 has acknowledged. */
  async #saveAtClose(writer: UploadWriter): Promise<void> {
    const put = writer.unrecordedPut;
    const { bucket, uploadId } = writer.upload;
    try {
      if (put !== undefined && writer.upload.sizeBytes !== undefined) {
        await this.#access.uploads.commits.assemble(uploadId, { ...put, sha256: undefined }, { epoch: writer.epoch });
        this.#wholeBytes = put.sizeBytes;
      } else await this.#saveHeartbeat(writer);
    } catch (error) {
      // The upload went on without this writer: its object is nobody's, and the sweeper gets what this delete misses.
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
