import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  CreateUploadRequestSchema,
  WriteUploadCommitted,
  WriteUploadStarted,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import { combineCrc32, crc32 } from "../domain/crc32.ts";
import { createRetries, RETRY_LIMITS_DEFAULT, type Retries, type RetryLimits } from "./retry-policy.ts";
import { SluiceError } from "./sluice-error.ts";
import { createProgressReporter, type ProgressReporter, type UploadProgress } from "./upload-progress.ts";
import type { UploadSource } from "./upload-source.ts";
import type { UploadStream, UploadStreamOptions } from "./upload-stream.ts";

/** Largest chunk that is sent, in bytes: large writes cost least, and 2 MiB is the service's limit. */
const CHUNK_SIZE_BYTES = 2 ** 20;

/** Tries before the service has answered once: what never worked is more likely a wrong URL than an outage. */
const FIRST_TRIES_MAX = 4;

/** Reasons for which an upload begun by an earlier process cannot be continued: it is begun anew. */
const BEGIN_ANEW_REASONS = new Set(["UPLOAD_NOT_FOUND", "UPLOAD_NOT_OPEN", "UPLOAD_LOST", "NAMESPACE_NOT_FOUND"]);

/** What the caller may say about an upload. */
export interface UploadOptions {
  namespace?: string;
  contentType?: string;
  metadata?: Readonly<Record<string, string>>;
  /** Likely size in bytes of a source that does not know its own: lets the service choose parts large enough. */
  sizeHintBytes?: number;
  computeSha256?: boolean;
  /** Commits only if the path's current generation is this one; 0 means that no file may exist there. */
  ifGenerationMatch?: number;
  /** An upload begun before, to be continued; begun anew if it is gone or holds other bytes than the source. */
  resumeUploadId?: string | undefined;
  /** Told as soon as the upload has an id, and again if it is begun anew: what to keep for `resumeUploadId`. */
  onUploadId?: (uploadId: string) => void | Promise<void>;
  /** Called at each answer of the service, at most every 100 ms, and at each change of phase. */
  onProgress?: (progress: UploadProgress) => void;
  retry?: Partial<RetryLimits>;
  /** Ends the upload with the signal's reason; what is durable stays until the upload expires. */
  signal?: AbortSignal;
}

/** What an upload needs from the client that makes it. */
export interface UploadPorts {
  openStream(options: Pick<UploadStreamOptions, "start" | "onProgress" | "signal">): Promise<UploadStream>;
  /** End of the durable bytes that begin at 0; asked only for sources that keep a window. */
  getDurableOffset(uploadId: string, options: { namespace: string; signal: AbortSignal }): Promise<number>;
  random?: () => number;
}

/** Sends a source to a path, over as many connections as it takes. Resolves to the committed file and its receipt. */
export async function upload(
  ports: UploadPorts,
  source: UploadSource,
  target: { path: string; options: UploadOptions },
): Promise<WriteUploadCommitted> {
  return await new UploadRun(ports, source, target).run();
}

/** The state of one upload across its connections. */
class UploadRun {
  readonly #ports: UploadPorts;
  readonly #source: UploadSource;
  readonly #options: UploadOptions;
  readonly #signal: AbortSignal;
  readonly #namespace: string;
  readonly #path: string;
  readonly #progress: ProgressReporter;
  readonly #limits: RetryLimits;
  #retries: Retries;
  #answered = false;
  /** CRC32 of the source from 0 to each part boundary that was passed: verifies a durable offset without reading again. */
  readonly #crcAtBoundary = new Map<number, number>([[0, 0]]);
  #requestId = randomUUID();
  #resuming: boolean;
  #wholeCrc32: number | undefined;
  #onMoreDurable: () => void = () => {};

  constructor(ports: UploadPorts, source: UploadSource, { path, options }: { path: string; options: UploadOptions }) {
    this.#ports = ports;
    this.#source = source;
    this.#path = path;
    this.#options = options;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#namespace = options.namespace ?? "default";
    this.#limits = { ...RETRY_LIMITS_DEFAULT, ...options.retry };
    const triesMax = Math.min(FIRST_TRIES_MAX, this.#limits.triesMax);
    this.#retries = createRetries({ ...this.#limits, triesMax }, ports.random);
    this.#resuming = options.resumeUploadId !== undefined;
    this.#progress = createProgressReporter(
      { uploadId: options.resumeUploadId, totalBytes: source.sizeBytes },
      options.onProgress ?? (() => {}),
    );
  }

  async run(): Promise<WriteUploadCommitted> {
    for (;;) {
      try {
        const committed = await this.#tryOnce();
        this.#assertWhole(committed);
        const sizeBytes = Number(committed.receipt?.sizeBytes ?? committed.file?.sizeBytes ?? 0);
        this.#progress.take({ receivedBytes: sizeBytes, durableBytes: sizeBytes });
        this.#progress.change({ phase: "done", committed: true, etaMs: 0 });
        return committed;
      } catch (error) {
        if (this.#resuming && error instanceof SluiceError && BEGIN_ANEW_REASONS.has(error.reason)) {
          this.#beginAnew();
          continue;
        }
        this.#progress.fail();
        await this.#retries.waitAfter(error, { signal: this.#signal });
      }
    }
  }

  async #tryOnce(): Promise<WriteUploadCommitted> {
    const stream = await this.#ports.openStream({
      start: this.#start(),
      onProgress: ({ receivedBytes, durableBytes }) =>
        this.#takeProgress({ receivedBytes: Number(receivedBytes), durableBytes: Number(durableBytes) }),
      signal: this.#signal,
    });
    try {
      const started = await stream.started;
      if (!this.#answered) this.#retries = createRetries(this.#limits, this.#ports.random);
      this.#answered = true;
      if (started.$typeName === "sluice.v1.WriteUploadCommitted") return await stream.committed;
      if (started.uploadId !== this.#progress.current.uploadId) await this.#options.onUploadId?.(started.uploadId);
      this.#progress.change({ uploadId: started.uploadId });
      const durableBytes = totalBytes(started);
      this.#takeProgress({ receivedBytes: durableBytes, durableBytes });
      await this.#verifyDurable(started, stream);
      this.#resuming = false;
      await this.#sendRest(started, stream);
      return await stream.committed;
    } catch (error) {
      stream.cancel(error);
      throw error;
    }
  }

  #start(): UploadStreamOptions["start"] {
    const { uploadId } = this.#progress.current;
    if (uploadId !== undefined) {
      return { target: { case: "upload", value: { namespace: this.#namespace, uploadId } } };
    }
    return { target: { case: "create", value: this.#createRequest() } };
  }

  #createRequest(): MessageInitShape<typeof CreateUploadRequestSchema> {
    const { contentType, metadata, sizeHintBytes, computeSha256, ifGenerationMatch } = this.#options;
    // The size as it was at the start: a request that is repeated must not differ.
    const sizeBytes = this.#progress.current.totalBytes;
    return {
      requestId: this.#requestId,
      namespace: this.#namespace,
      path: this.#path,
      ...(sizeBytes !== undefined && { sizeBytes: BigInt(sizeBytes) }),
      ...(sizeHintBytes !== undefined && { sizeHintBytes: BigInt(sizeHintBytes) }),
      ...(contentType !== undefined && { contentType }),
      ...(metadata !== undefined && { metadata: { ...metadata } }),
      computeSha256: computeSha256 ?? false,
      ...(ifGenerationMatch !== undefined && { ifGenerationMatch: BigInt(ifGenerationMatch) }),
    };
  }

  /** The durable bytes must be those of the source, or the file would be two halves of two files. */
  async #verifyDurable(started: WriteUploadStarted, stream: UploadStream): Promise<void> {
    const durableOffset = Number(started.durableOffset);
    const known = this.#crcAtBoundary.get(durableOffset);
    const crc = known ?? (await this.#readCrc(durableOffset, stream));
    if (crc === started.durableCrc32) {
      this.#crcAtBoundary.set(durableOffset, started.durableCrc32);
      return;
    }
    if (this.#resuming) {
      throw new SluiceError("not_found", "the upload that was begun holds other bytes", { reason: "UPLOAD_NOT_FOUND" });
    }
    throw new SluiceError(
      "aborted",
      `the first ${durableOffset} bytes that are durable are not those of the source; upload it again`,
      { reason: "SOURCE_CHANGED" },
    );
  }

  /** CRC32 of the source's first bytes; undefined if it has fewer. */
  async #readCrc(sizeBytes: number, stream: UploadStream): Promise<number | undefined> {
    this.#progress.change({ phase: "verifying" });
    let crc = 0;
    for (let offset = 0; offset < sizeBytes; ) {
      const lease = await this.#source.read(offset, Math.min(CHUNK_SIZE_BYTES, sizeBytes - offset), {
        signal: stream.ended,
      });
      crc = crc32(lease.bytes, crc);
      offset += lease.bytes.length;
      lease.release();
      if (lease.bytes.length === 0) return undefined;
      this.#source.discardBefore(offset);
    }
    return crc;
  }

  async #sendRest(started: WriteUploadStarted, stream: UploadStream): Promise<void> {
    const partSizeBytes = Number(started.partSizeBytes);
    const chunkMaxBytes = Math.min(CHUNK_SIZE_BYTES, started.chunkSizeMaxBytes || CHUNK_SIZE_BYTES);
    let offset = Number(started.durableOffset);
    let crc = started.durableCrc32;
    this.#source.keepAtLeast(2 * partSizeBytes);
    this.#source.discardBefore(offset);
    this.#progress.change({ phase: "sending" });
    for (;;) {
      if (this.#source.isFull(offset)) await this.#awaitDurable(stream, offset);
      const partRestBytes = partSizeBytes - (offset % partSizeBytes);
      const lease = await this.#source.read(offset, Math.min(chunkMaxBytes, partRestBytes), { signal: stream.ended });
      const sizeBytes = lease.bytes.length;
      if (sizeBytes === 0) {
        lease.release();
        break;
      }
      const chunkCrc = crc32(lease.bytes);
      crc = combineCrc32(crc, chunkCrc, sizeBytes);
      await stream.send({ offset, crc32: chunkCrc }, lease);
      offset += sizeBytes;
      if (offset % partSizeBytes === 0) this.#crcAtBoundary.set(offset, crc);
    }
    await this.#source.assertUnchanged();
    this.#wholeCrc32 = crc;
    this.#crcAtBoundary.set(offset, crc);
    stream.finish({ sizeBytes: offset, crc32: crc });
    this.#progress.change({ phase: "committing", totalBytes: offset });
  }

  /** Waits until the service has made some of the kept bytes durable; asked again at each sign of progress. */
  async #awaitDurable(stream: UploadStream, offset: number): Promise<void> {
    const signal = stream.ended;
    const uploadId = this.#progress.current.uploadId as string;
    for (;;) {
      const { promise: moreDurable, resolve, reject } = Promise.withResolvers<void>();
      this.#onMoreDurable = resolve;
      const onEnded = () => reject(signal.reason);
      signal.addEventListener("abort", onEnded, { once: true });
      moreDurable.catch(() => {});
      try {
        this.#source.discardBefore(
          await this.#ports.getDurableOffset(uploadId, { namespace: this.#namespace, signal }),
        );
        if (!this.#source.isFull(offset)) return;
        await moreDurable;
      } finally {
        signal.removeEventListener("abort", onEnded);
      }
    }
  }

  #takeProgress(answer: { receivedBytes: number; durableBytes: number }): void {
    if (!this.#progress.take(answer)) return;
    this.#retries.reset();
    this.#onMoreDurable();
  }

  #beginAnew(): void {
    this.#resuming = false;
    this.#requestId = randomUUID();
    this.#progress.change({ uploadId: undefined });
  }

  /** The receipt must be of the bytes that were read, whoever computed what in between. */
  #assertWhole(committed: WriteUploadCommitted): void {
    const crc = committed.receipt?.crc32;
    if (this.#wholeCrc32 === undefined || crc === undefined || crc === this.#wholeCrc32) return;
    throw new SluiceError("data_loss", "the committed file's CRC32 is not that of the bytes that were read", {
      reason: "CHECKSUM_MISMATCH",
    });
  }
}

function totalBytes(started: WriteUploadStarted): number {
  return started.durableRanges.reduce((sum, range) => sum + Number(range.sizeBytes), 0);
}
