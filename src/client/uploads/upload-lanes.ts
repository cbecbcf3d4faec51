import type { Upload, WriteUploadStarted } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { combineCrc32 } from "../../domain/crc32.ts";
import {
  createRetries,
  isRetryable,
  type Retries,
  type RetryLimits,
  type RetryOptions,
} from "../connection/retry-policy.ts";
import { countBytesIn, type LaneRange, planLanes } from "./lane-plan.ts";
import { RangeSender } from "./range-sender.ts";
import type { UploadConnection } from "./upload-connection.ts";
import type { ProgressReporter } from "./upload-progress.ts";
import type { UploadSource } from "./upload-source.ts";
import type { UploadStream } from "./upload-stream.ts";

/** The options and connections of one upload's lanes. */
export interface LanesOptions {
  namespace: string;
  /** The upload's present state: its durable ranges are not sent again. */
  upload: Upload;
  lanesMax: number;
  /** Whether an earlier process began the upload, perhaps with other bytes. */
  isResumed: boolean;
  /** Connects one of the writers, which are numbered from 0, so that another worker or replica can take it. */
  connect: (writer: number) => UploadConnection;
  progress: ProgressReporter;
  limits: RetryLimits;
  random: (() => number) | undefined;
  /** As of `RetryOptions`. */
  renew: RetryOptions["renew"];
  signal: AbortSignal;
}

/** One range of the plan, and its progress in bytes. */
interface Lane extends LaneRange {
  receivedBytes: number;
  durableBytes: number;
  isSending: boolean;
  /** CRC32 of all bytes of the lane, once they are durable. */
  crc32?: number;
}

/**
 * Makes the whole source durable by several streams at once, each over its own connection and with its own retries. The
 * source must be seekable. Nothing is committed. Resolves to the CRC32 of the source, which is combined from those of the
 * lanes. Resolves to undefined when one lane would do as well, or when somebody else committed the upload meanwhile. The
 * first lane that fails for good ends the others, and its error is thrown once all have ended. Rejects with the errors of
 * streams and of `RangeSender.assertSame`.
 */
export async function writeLanes(source: UploadSource, options: LanesOptions): Promise<number | undefined> {
  const plan = planLanes(options.upload, options.lanesMax);
  return plan.length < 2 ? undefined : await new LanesRun(source, options, plan).run();
}

/** The lanes of one upload across their connections. */
class LanesRun {
  readonly #source: UploadSource;
  readonly #options: LanesOptions;
  readonly #lanes: readonly Lane[];
  readonly #waiting: Lane[];
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  readonly #retries = new Set<Retries>();

  constructor(source: UploadSource, options: LanesOptions, plan: readonly LaneRange[]) {
    this.#source = source;
    this.#options = options;
    this.#lanes = plan.map((range) => {
      const durableBytes = countBytesIn(range, options.upload.durableRanges);
      return { ...range, receivedBytes: durableBytes, durableBytes, isSending: false };
    });
    this.#waiting = [...this.#lanes];
    this.#signal = AbortSignal.any([options.signal, this.#failed.signal]);
  }

  async run(): Promise<number | undefined> {
    this.#report();
    const writers = Math.min(this.#options.lanesMax, this.#lanes.length);
    await Promise.all(Array.from({ length: writers }, (_, writer) => this.#writeWaiting(writer)));
    this.#signal.throwIfAborted();
    let whole: number | undefined = 0;
    for (const { start, end, crc32 } of this.#lanes) {
      whole = whole === undefined || crc32 === undefined ? undefined : combineCrc32(whole, crc32, end - start);
    }
    return whole;
  }

  /** Writes one waiting lane after another over one connection. Never rejects: a failure aborts all lanes' signal. */
  async #writeWaiting(writer: number): Promise<void> {
    const connection = this.#options.connect(writer);
    try {
      for (let lane = this.#waiting.shift(); lane !== undefined; lane = this.#waiting.shift()) {
        await this.#write(lane, connection);
      }
    } catch (error) {
      this.#failed.abort(error);
    } finally {
      connection.close();
    }
  }

  async #write(lane: Lane, connection: UploadConnection): Promise<void> {
    const { limits, random, renew } = this.#options;
    const sender = new RangeSender(this.#source, lane);
    const retries = createRetries(limits, { random, route: connection.route, renew });
    this.#retries.add(retries);
    for (;;) {
      try {
        await this.#tryOnce(lane, { connection, sender, retries });
        this.#retries.delete(retries);
        return;
      } catch (error) {
        lane.isSending = false;
        // A final error is the upload's outcome, and is reported as that.
        if (isRetryable(error)) this.#options.progress.fail(error, { isSending: this.#isSending() });
        await retries.waitAfter(error, { signal: this.#signal });
      }
    }
  }

  async #tryOnce(
    lane: Lane,
    { connection, sender, retries }: { connection: UploadConnection; sender: RangeSender; retries: Retries },
  ): Promise<void> {
    const { namespace, upload } = this.#options;
    const { uploadId } = upload;
    const stream = await connection.openStream({
      start: {
        target: { case: "upload", value: { namespace, uploadId } },
        lane: { offset: BigInt(lane.start), sizeBytes: BigInt(lane.end - lane.start) },
      },
      onProgress: ({ receivedBytes, durableBytes }) =>
        this.#take(lane, { receivedBytes: Number(receivedBytes), durableBytes: Number(durableBytes) }, retries),
      signal: this.#signal,
    });
    try {
      const started = await stream.started;
      if (started.$typeName === "sluice.v1.WriteUploadCommitted") return;
      const durableBytes = countBytesIn(lane, started.durableRanges);
      this.#take(lane, { receivedBytes: durableBytes, durableBytes }, retries);
      await this.#assertSame(started, stream, sender);
      lane.isSending = true;
      this.#options.progress.change({ phase: "sending" });
      const { crc32 } = await sender.send(started, stream);
      // The CRC32 of the whole file is known once all lanes are done: the stream that has it commits.
      stream.finish({ laneCrc32: crc32, commit: false });
      const outcome = await stream.outcome;
      lane.isSending = false;
      if (outcome.$typeName === "sluice.v1.WriteUploadLaneDone") lane.crc32 = crc32;
    } catch (error) {
      stream.cancel(error);
      throw error;
    }
  }

  async #assertSame(started: WriteUploadStarted, stream: UploadStream, sender: RangeSender): Promise<void> {
    if (!sender.knows(started) && !this.#isSending()) this.#options.progress.change({ phase: "verifying" });
    await sender.assertSame(started, { isResumed: this.#options.isResumed, signal: stream.ended });
  }

  #take(lane: Lane, now: Pick<Lane, "receivedBytes" | "durableBytes">, retries: Retries): void {
    const hasGrown = now.durableBytes > lane.durableBytes;
    Object.assign(lane, now);
    if (hasGrown) retries.reset();
    // A lane that is refused while other lanes use the upload slots is not given up: one of them will end.
    if (this.#report()) for (const others of this.#retries) others.extend();
  }

  /** Reports the sum over all lanes. Returns whether more of the file is durable than ever before. */
  #report(): boolean {
    let [receivedBytes, durableBytes] = [0, 0];
    for (const lane of this.#lanes) {
      receivedBytes += lane.receivedBytes;
      durableBytes += lane.durableBytes;
    }
    return this.#options.progress.take({ receivedBytes, durableBytes });
  }

  /** The upload continues while any lane does. */
  #isSending(): boolean {
    return this.#lanes.some(({ isSending }) => isSending);
  }
}
