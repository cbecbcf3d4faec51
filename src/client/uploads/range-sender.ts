import type { WriteUploadStarted } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { combineCrc32, crc32 } from "../../domain/crc32.ts";
import { SluiceError } from "../sluice-error.ts";
import type { UploadSource } from "./upload-source.ts";
import type { UploadStream } from "./upload-stream.ts";

/** Largest chunk that is sent, in bytes: large writes cost least, and 2 MiB is the service's limit. */
const CHUNK_SIZE_BYTES = 2 ** 20;

/** The bytes to send: from `start`, up to but without `end`; to the end of the source when `end` is unset. */
export interface SentRange {
  start: number;
  end?: number;
}

/** Compares and sends one range of a source, over as many streams as it takes, one at a time. */
export class RangeSender {
  readonly #source: UploadSource;
  readonly #start: number;
  readonly #end: number;
  /** CRC32 from the start to each part boundary that was passed. It verifies a durable offset without reading the bytes again. */
  readonly #crcAtBoundary: Map<number, number>;
  #durableOffset = 0;
  #onMoreDurable: () => void = () => {};

  constructor(source: UploadSource, { start, end }: SentRange) {
    this.#source = source;
    this.#start = start;
    this.#end = end ?? Number.POSITIVE_INFINITY;
    this.#crcAtBoundary = new Map([[start, 0]]);
  }

  /** Notes that the range's bytes up to `offset` (a part's boundary or the end) have this CRC32. */
  learn(offset: number, rangeCrc32: number): void {
    this.#crcAtBoundary.set(offset, rangeCrc32);
  }

  /** Whether the CRC32 of the range up to this offset is known, so that nothing has to be read to compare it. */
  knows({ durableOffset }: Pick<WriteUploadStarted, "durableOffset">): boolean {
    return this.#crcAtBoundary.has(Number(durableOffset));
  }

  /**
   * Throws unless the durable bytes are those of the source: otherwise the file would be two halves of two files. The error
   * is `SOURCE_CHANGED` or, for an upload that an earlier process began, `not_found / UPLOAD_DIFFERS`.
   */
  async assertSame(
    started: WriteUploadStarted,
    { isResumed, signal }: { isResumed: boolean; signal: AbortSignal },
  ): Promise<void> {
    const durableOffset = Number(started.durableOffset);
    const crc = this.#crcAtBoundary.get(durableOffset) ?? (await this.#readCrc(durableOffset, signal));
    if (crc === started.durableCrc32) return this.learn(durableOffset, crc);
    if (isResumed) {
      throw new SluiceError("not_found", "the upload that was begun holds other bytes", { reason: "UPLOAD_DIFFERS" });
    }
    const which = this.#start === 0 ? `first ${durableOffset} bytes` : `bytes from ${this.#start} to ${durableOffset}`;
    throw new SluiceError("aborted", `the ${which} that are durable are not those of the source; upload it again`, {
      reason: "SOURCE_CHANGED",
    });
  }

  /** Notes that the service has made the bytes before `offset` durable: the source need not keep them. */
  takeDurable(offset: number): void {
    if (offset <= this.#durableOffset) return;
    this.#durableOffset = offset;
    this.#onMoreDurable();
  }

  /** Sends the bytes that are not durable yet. Resolves to the end of the range and its CRC32. */
  async send(
    started: WriteUploadStarted,
    stream: Pick<UploadStream, "send" | "ended">,
  ): Promise<{ endOffset: number; crc32: number }> {
    const partSizeBytes = Number(started.partSizeBytes);
    const chunkMaxBytes = Math.min(CHUNK_SIZE_BYTES, started.chunkSizeMaxBytes || CHUNK_SIZE_BYTES);
    const source = this.#source;
    let offset = Number(started.durableOffset);
    let crc = started.durableCrc32;
    source.keepAtLeast(2 * partSizeBytes);
    this.#durableOffset = offset;
    while (offset < this.#end) {
      await this.#awaitRoom(offset, stream.ended);
      const restBytes = Math.min(partSizeBytes - (offset % partSizeBytes), this.#end - offset);
      const lease = await source.read(offset, Math.min(chunkMaxBytes, restBytes), { signal: stream.ended });
      const sizeBytes = lease.bytes.length;
      if (sizeBytes === 0) {
        lease.release();
        break;
      }
      const chunkCrc = crc32(lease.bytes);
      crc = combineCrc32(crc, chunkCrc, sizeBytes);
      await stream.send({ offset, crc32: chunkCrc }, lease);
      offset += sizeBytes;
      if (offset % partSizeBytes === 0) this.learn(offset, crc);
    }
    await source.assertUnchanged();
    this.learn(offset, crc);
    return { endOffset: offset, crc32: crc };
  }

  /** Lets the source discard the durable bytes. Waits for more of them when the source must not keep any more. */
  async #awaitRoom(offset: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      // After a cut, durable bytes may still have to be sent for comparison: these are read once more.
      this.#source.discardBefore(Math.min(offset, this.#durableOffset));
      if (!this.#source.isFull(offset)) return;
      signal.throwIfAborted();
      const { promise: moreDurable, resolve, reject } = Promise.withResolvers<void>();
      this.#onMoreDurable = resolve;
      const onEnded = () => reject(signal.reason);
      signal.addEventListener("abort", onEnded, { once: true });
      await moreDurable.finally(() => signal.removeEventListener("abort", onEnded));
    }
  }

  /** CRC32 of the range's first bytes; undefined if the source has fewer. */
  async #readCrc(endOffset: number, signal: AbortSignal): Promise<number | undefined> {
    let crc = 0;
    for (let offset = this.#start; offset < endOffset; ) {
      const lease = await this.#source.read(offset, Math.min(CHUNK_SIZE_BYTES, endOffset - offset), { signal });
      crc = crc32(lease.bytes, crc);
      offset += lease.bytes.length;
      lease.release();
      if (lease.bytes.length === 0) return undefined;
      this.#source.discardBefore(offset);
    }
    return crc;
  }
}
