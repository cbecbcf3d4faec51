import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CreateUploadRequestSchema,
  type Upload,
  UploadState,
  type WriteUploadCommitted,
} from "../../../gen/sluice/v1/upload_service_pb.ts";
import {
  createRetries,
  isRetryable,
  RETRY_LIMITS_DEFAULT,
  type Retries,
  type RetryLimits,
  type RetryOptions,
} from "../connection/retry-policy.ts";
import { SluiceError } from "../sluice-error.ts";
import { chooseLanes, countBytesIn, type Lanes } from "./lane-plan.ts";
import { RangeSender } from "./range-sender.ts";
import type { UploadConnection } from "./upload-connection.ts";
import { writeLanes } from "./upload-lanes.ts";
import { createProgressReporter, type ProgressReporter, type UploadProgress } from "./upload-progress.ts";
import type { UploadSource } from "./upload-source.ts";
import type { UploadStream, UploadStreamOptions } from "./upload-stream.ts";

/** Reasons for which an upload of an earlier process cannot be continued and is begun anew. */
const BEGIN_ANEW_REASONS = new Set(["UPLOAD_NOT_FOUND", "UPLOAD_NOT_OPEN", "UPLOAD_LOST", "NAMESPACE_NOT_FOUND"]);

const WHOLE_FILE = { start: 0, end: Number.POSITIVE_INFINITY };

/** Options of an upload. */
export interface UploadOptions {
  namespace?: string;
  /** Media type. When unset, the client guesses it by the extension of the path, or else of the file. */
  contentType?: string;
  metadata?: Readonly<Record<string, string>>;
  /** Labels to find the file by. */
  labels?: Readonly<Record<string, string>>;
  /** Likely size in bytes of a source that does not know its own: it lets the service choose parts that are large enough. */
  sizeHintBytes?: number;
  computeSha256?: boolean;
  /** Number of connections to send by at once; "auto" when unset. Iterables are always sent by one. */
  lanes?: Lanes;
  /** Commits only if the path's current generation is this one; 0 means that no file may exist there. */
  ifGenerationMatch?: number;
  /** An earlier upload to continue. When it is gone, or holds other bytes than the source, a new upload begins. */
  resumeUploadId?: string | undefined;
  /** Called as soon as the upload has an id, and again if it is begun anew. Keep the id for `resumeUploadId`. */
  onUploadId?: (uploadId: string) => void | Promise<void>;
  /** Called at each answer of the service, at most every 100 ms, and at each change of phase. */
  onProgress?: (progress: UploadProgress) => void;
  retry?: Partial<RetryLimits>;
  /** Ends the upload with the signal's reason. Durable bytes stay until the upload expires. */
  signal?: AbortSignal;
}

/** The functions of the client that an upload needs. */
export interface UploadPorts {
  /** The connection that carries all of an upload but its lanes. */
  connect(): UploadConnection;
  /** A connection for one lane. Lanes of different numbers begin at different addresses, as far as there are several. */
  connectLane(number: number): UploadConnection;
  /** Called for lanes: tells the durable ranges of an upload that is continued. */
  getUpload(uploadId: string, options: { namespace: string; signal: AbortSignal }): Promise<Upload>;
  /** Called for lanes, because they are planned by the part size that the service chooses. */
  createUpload(
    request: MessageInitShape<typeof CreateUploadRequestSchema>,
    options: { signal: AbortSignal },
  ): Promise<Upload>;
  random?: () => number;
  /** As of `RetryOptions`. */
  renew?: RetryOptions["renew"];
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
  readonly #connection: UploadConnection;
  readonly #limits: RetryLimits;
  readonly #retries: Retries;
  #answered = false;
  readonly #sender: RangeSender;
  readonly #lanesMax: number;
  #requestId = randomUUID();
  #resuming: boolean;
  #wholeCrc32: number | undefined;

  constructor(ports: UploadPorts, source: UploadSource, { path, options }: { path: string; options: UploadOptions }) {
    this.#ports = ports;
    this.#source = source;
    this.#path = path;
    this.#options = options;
    this.#sender = new RangeSender(source, { start: 0 });
    const { sizeBytes, isSeekable } = source;
    const { lanes = "auto", computeSha256 = false } = options;
    this.#lanesMax = chooseLanes(lanes, { sizeBytes, isSeekable, computeSha256 });
    this.#signal = options.signal ?? new AbortController().signal;
    this.#namespace = options.namespace ?? "default";
    this.#limits = { ...RETRY_LIMITS_DEFAULT, ...options.retry };
    this.#connection = ports.connect();
    const { route } = this.#connection;
    this.#retries = createRetries(this.#limits, { random: ports.random, route, renew: ports.renew });
    this.#resuming = options.resumeUploadId !== undefined;
    this.#progress = createProgressReporter(
      { uploadId: options.resumeUploadId, totalBytes: source.sizeBytes },
      options.onProgress ?? (() => {}),
    );
  }

  async run(): Promise<WriteUploadCommitted> {
    for (;;) {
      try {
        if (this.#lanesMax > 1) await this.#writeLanes();
        const committed = await this.#writeRest();
        this.#assertWhole(committed);
        const sizeBytes = Number(committed.receipt?.sizeBytes ?? committed.file?.sizeBytes ?? 0);
        this.#progress.take({ receivedBytes: sizeBytes, durableBytes: sizeBytes });
        this.#progress.change({ phase: "done", committed: true, etaMs: 0 });
        return committed;
      } catch (error) {
        if (!this.#isToBeginAnew(error)) throw error;
        this.#beginAnew();
      }
    }
  }

  /** Makes all bytes durable by several streams. The stream that follows does what is left, at least the commit. */
  async #writeLanes(): Promise<void> {
    const isResumed = this.#resuming;
    const upload = await this.#findUpload();
    this.#takeAnswered();
    const { uploadId } = upload;
    if (uploadId !== this.#progress.current.uploadId) await this.#options.onUploadId?.(uploadId);
    this.#progress.change({ uploadId });
    const sizeBytes = this.#source.sizeBytes as number;
    // When the upload has another state or size, the stream that follows reports the outcome.
    if (upload.state !== UploadState.OPEN || upload.sizeBytes !== BigInt(sizeBytes)) return;
    const crc = await writeLanes(this.#source, {
      namespace: this.#namespace,
      upload,
      isResumed,
      lanesMax: this.#lanesMax,
      connect: (lane) => this.#ports.connectLane(lane),
      progress: this.#progress,
      signal: this.#signal,
      limits: this.#limits,
      random: this.#ports.random,
      renew: this.#ports.renew,
    });
    if (crc === undefined) return;
    this.#sender.learn(sizeBytes, crc);
    this.#resuming = false;
  }

  async #findUpload(): Promise<Upload> {
    const { uploadId } = this.#progress.current;
    const signal = this.#signal;
    if (uploadId === undefined) return await this.#ports.createUpload(this.#createRequest(), { signal });
    return await this.#ports.getUpload(uploadId, { namespace: this.#namespace, signal });
  }

  /** Sends the missing bytes by one stream after another, and commits. */
  async #writeRest(): Promise<WriteUploadCommitted> {
    for (;;) {
      try {
        return await this.#tryOnce();
      } catch (error) {
        if (this.#isToBeginAnew(error)) throw error;
        // A final error is the upload's outcome, and is reported as that.
        if (isRetryable(error)) this.#progress.fail(error);
        await this.#retries.waitAfter(error, { signal: this.#signal });
      }
    }
  }

  async #tryOnce(): Promise<WriteUploadCommitted> {
    const stream = await this.#connection.openStream({
      start: this.#start(),
      onProgress: ({ receivedBytes, durableBytes, durableOffset }) => {
        this.#takeProgress({ receivedBytes: Number(receivedBytes), durableBytes: Number(durableBytes) });
        this.#sender.takeDurable(Number(durableOffset));
      },
      signal: this.#signal,
    });
    try {
      const started = await stream.started;
      this.#takeAnswered();
      if (started.$typeName === "sluice.v1.WriteUploadCommitted") return await committedBy(stream);
      if (started.uploadId !== this.#progress.current.uploadId) await this.#options.onUploadId?.(started.uploadId);
      this.#progress.change({ uploadId: started.uploadId });
      const durableBytes = countBytesIn(WHOLE_FILE, started.durableRanges);
      this.#takeProgress({ receivedBytes: durableBytes, durableBytes });
      if (!this.#sender.knows(started)) this.#progress.change({ phase: "verifying" });
      await this.#sender.assertSame(started, { isResumed: this.#resuming, signal: stream.ended });
      this.#resuming = false;
      this.#progress.change({ phase: "sending" });
      const { endOffset, crc32 } = await this.#sender.send(started, stream);
      this.#wholeCrc32 = crc32;
      stream.finish({ sizeBytes: BigInt(endOffset), crc32 });
      this.#progress.change({ phase: "committing", totalBytes: endOffset });
      return await committedBy(stream);
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
    const { contentType, metadata, labels, sizeHintBytes, computeSha256, ifGenerationMatch } = this.#options;
    // This is the size at the start: a repeated request must not differ.
    const sizeBytes = this.#progress.current.totalBytes;
    return {
      requestId: this.#requestId,
      namespace: this.#namespace,
      path: this.#path,
      ...(sizeBytes !== undefined && { sizeBytes: BigInt(sizeBytes) }),
      ...(sizeHintBytes !== undefined && { sizeHintBytes: BigInt(sizeHintBytes) }),
      ...(contentType !== undefined && { contentType }),
      ...(metadata !== undefined && { metadata: { ...metadata } }),
      ...(labels !== undefined && { labels: { ...labels } }),
      computeSha256: computeSha256 ?? false,
      ...(ifGenerationMatch !== undefined && { ifGenerationMatch: BigInt(ifGenerationMatch) }),
    };
  }

  #takeProgress(answer: { receivedBytes: number; durableBytes: number }): void {
    if (!this.#progress.take(answer)) return;
    this.#retries.reset();
  }

  #takeAnswered(): void {
    if (this.#answered) return;
    this.#connection.route.noteAnswer();
    this.#retries.reset();
    this.#answered = true;
  }

  #isToBeginAnew(error: unknown): boolean {
    if (!(error instanceof SluiceError)) return false;
    return error.reason === "UPLOAD_DIFFERS" || (this.#resuming && BEGIN_ANEW_REASONS.has(error.reason));
  }

  #beginAnew(): void {
    this.#resuming = false;
    this.#requestId = randomUUID();
    this.#progress.change({ uploadId: undefined, resumedBytes: undefined });
  }

  /** The receipt must be for the bytes that were read, whichever service computed it. */
  #assertWhole(committed: WriteUploadCommitted): void {
    const crc = committed.receipt?.crc32;
    if (this.#wholeCrc32 === undefined || crc === undefined || crc === this.#wholeCrc32) return;
    throw new SluiceError("data_loss", "the committed file's CRC32 is not that of the bytes that were read", {
      reason: "CHECKSUM_MISMATCH",
    });
  }
}

async function committedBy(stream: UploadStream): Promise<WriteUploadCommitted> {
  const outcome = await stream.outcome;
  if (outcome.$typeName === "sluice.v1.WriteUploadCommitted") return outcome;
  throw new SluiceError("internal", "the file was not committed, though that was asked for", {
    reason: "PROTOCOL_VIOLATED",
  });
}
