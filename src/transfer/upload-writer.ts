import { createHash, type Hash } from "node:crypto";
import { assertCovered, toManifest } from "../commands/uploads/manifest.ts";
import type { PutAck, WrittenBytes } from "../commands/uploads/written-bytes.ts";
import { DomainError } from "../domain/errors.ts";
import { partNumberAt } from "../domain/uploads/part-plan.ts";
import { combineParts, type DurablePart, type Upload } from "../domain/uploads/upload.ts";
import type { GrantedWriter } from "../domain/uploads/upload-writers.ts";
import { partsWithin } from "../domain/uploads/writer-range.ts";
import { assertChunkFits, type ChunkHeader } from "./chunk-rules.ts";
import type { Part } from "./part.ts";
import { type ChunkInFlight, toChunkMismatch } from "./part-checksum.ts";
import { PartSender } from "./part-sender.ts";
import { PIECE_MEAN_MIN_BYTES } from "./piece-gatherer.ts";
import type { TransferAccess, TransferEvents } from "./transfer-access.ts";
import type { SessionLoad } from "./upload-sessions.ts";

/** What takes the bytes of a chunk that was begun. */
export interface ChunkWriter {
  /**
   * Takes bytes of the open chunk, by reference, and returns how many: none once the writer was closed. The rest is to be offered
   * again on `onReady`.
   */
  write(bytes: Uint8Array): number;
  /** All bytes of the chunk were taken: its CRC32 is checked, or handed on for S3 to check. */
  endChunk(): void;
}

/**
 * Cuts one writer's bytes into the parts of an upload. Bytes are pushed: `beginChunk`, `write` until all bytes of the chunk are
 * taken, `endChunk`. No method waits for memory or S3: `write` takes as many bytes as it can, and `onReady` tells when it takes more.
 *
 * Memory: no byte is taken that no permit of the budget covers. Failure order: no more bytes are taken, parts in flight
 * settle, those that S3 has are recorded, then `close` resolves.
 */
export class UploadWriter implements ChunkWriter {
  readonly upload: Upload;
  readonly epoch: number;
  readonly #access: TransferAccess;
  readonly #sender: PartSender;
  /** What the namespace and the upload itself allow. */
  readonly #sizeMaxBytes: number;
  readonly #hash: Hash | undefined;
  /** Where the writer's range begins, and where its lane ends, if it has one. */
  readonly #start: number;
  readonly #laneEnd: number | undefined;
  readonly #durableOffset: number;
  /** Where the next byte goes; undefined before the first. */
  #nextOffset: number | undefined;
  #takenBytes = 0;
  #chunk: ChunkInFlight | undefined;
  #part: Part | undefined;
  /** Parts all of whose bytes have come, while a chunk with a CRC32 that touches them has not passed whole. */
  #unverified: Part[] = [];

  /** `granted.parts` may hold parts outside of the range; they are not this writer's. */
  constructor(access: TransferAccess, granted: GrantedWriter, events: TransferEvents) {
    this.upload = granted.upload;
    this.epoch = granted.epoch;
    this.#start = granted.range.start;
    this.#laneEnd = granted.range.end;
    this.#access = access;
    const parts = partsWithin(granted.parts, granted.range, granted.upload.partSizeBytes);
    this.#sender = new PartSender(access, { ...granted, parts }, events);
    const namespace = access.namespaces.get(granted.upload.namespace);
    this.#sizeMaxBytes = Math.min(
      namespace?.fileSizeMaxBytes ?? Number.POSITIVE_INFINITY,
      granted.upload.sizeMaxBytes ?? Number.POSITIVE_INFINITY,
    );
    this.#durableOffset = this.durableOffset;
    const seesAllBytes = granted.parts.length === 0 && isWhole(granted);
    this.#hash = granted.upload.computeSha256 && seesAllBytes ? createHash("sha256") : undefined;
  }

  /** Bytes of the range taken from callers, earlier durable ones included. */
  get receivedBytes(): number {
    return Math.max((this.#nextOffset ?? this.#start) - this.#start, this.#sender.recorder.durableBytes);
  }

  /** Durable bytes of the range. */
  get durableBytes(): number {
    return this.#sender.recorder.durableBytes;
  }

  /** All bytes that were taken, those that were only compared as well: it does not grow while the caller stalls. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Whether the writer holds its caller back: a silence is then not the caller's. */
  get isWaiting(): boolean {
    return this.#sender.isWaiting;
  }

  get load(): SessionLoad {
    return this.#sender.load;
  }

  /** End of the durable bytes from the range's start, recorded ones only. */
  get durableOffset(): number {
    return this.#sender.recorder.durableOffset;
  }

  /** A one-part file that S3 has though `finish` has not come. */
  get unrecordedPut(): PutAck | undefined {
    return this.#sender.put;
  }

  /** Begins a chunk. A chunk that does not fit is refused before any of its bytes is taken. */
  beginChunk(header: ChunkHeader): void {
    this.#throwIfFailed();
    const { upload } = this;
    const { limits } = this.#access;
    const partsMaxBytes = upload.partSizeBytes * limits.partsMax;
    assertChunkFits(header, {
      upload,
      nextOffset: this.#nextOffset,
      startOffset: this.#start,
      laneEndOffset: this.#laneEnd,
      durableOffset: this.#durableOffset,
      chunkSizeMaxBytes: limits.chunkSizeMaxBytes,
      fileSizeMaxBytes: Math.min(this.#sizeMaxBytes, partsMaxBytes),
      isLimitedByParts: partsMaxBytes < this.#sizeMaxBytes,
    });
    // A keep-alive says nothing of the next chunk, which may still begin at any durable part.
    if (header.lengthBytes > 0) this.#nextOffset ??= header.offset;
    const first = partNumberAt(header.offset, upload.partSizeBytes);
    const last = partNumberAt(header.offset + Math.max(0, header.lengthBytes - 1), upload.partSizeBytes);
    const isDurable = this.#sender.recorder.parts.has(first);
    // Small chunks are summed here: a list of them, to find the wrong one once S3 has refused the part, would take more memory
    // than their bytes. So are chunks of one-shot parts, whose bytes are gone by then.
    const isTrusted =
      header.crc32 !== undefined &&
      header.lengthBytes >= PIECE_MEAN_MIN_BYTES &&
      first === last &&
      !isDurable &&
      this.#sender.windowOf(first) === undefined;
    this.#chunk = { ...header, isTrusted, actual: 0 };
  }

  write(bytes: Uint8Array): number {
    this.#throwIfFailed();
    if (this.#sender.isOver) return 0;
    const chunk = this.#chunk as ChunkInFlight;
    let taken = 0;
    while (taken < bytes.length) {
      const part = this.#part ?? this.#openPart();
      if (part === undefined) break;
      const room = part.roomBytes;
      if (room === 0) {
        if (this.#sender.admit(part)) continue;
        break;
      }
      const piece = taken === 0 && bytes.length <= room ? bytes : bytes.subarray(taken, taken + room);
      this.#hash?.update(piece);
      part.write(piece, chunk);
      taken += piece.length;
      this.#nextOffset = (this.#nextOffset as number) + piece.length;
      if (part.isFull) this.#leavePart(part, chunk);
    }
    this.#takenBytes += taken;
    return taken;
  }

  endChunk(): void {
    this.#throwIfFailed();
    if (this.#sender.isOver) return;
    const chunk = this.#chunk as ChunkInFlight;
    this.#chunk = undefined;
    if (chunk.isTrusted) (this.#unverified[0] ?? (this.#part as Part)).checksum.addTrusted(chunk);
    else if (chunk.crc32 !== undefined && chunk.actual !== chunk.crc32) throw toChunkMismatch(chunk, chunk.actual);
    for (const part of this.#unverified) part.end();
    this.#unverified = [];
  }

  /**
   * No more bytes come: checks the size, waits until all bytes are durable, and returns what was written. `sizeBytes` is the
   * size of the file that the caller's finish declares. SIZE_MISMATCH and UPLOAD_INCOMPLETE leave the upload open.
   */
  async finish(options: { sizeBytes: number | undefined }): Promise<WrittenBytes> {
    this.#throwIfFailed();
    const sizeBytes = this.#assertSize(options.sizeBytes) - this.#start;
    this.#endLastPart(sizeBytes);
    await this.#sender.settle();
    this.#throwIfFailed();
    const { put } = this.#sender;
    const sha256 = this.#hash?.digest();
    if (put !== undefined) return { sizeBytes, crc32: put.crc32, parts: [], put, sha256 };
    const parts = toManifest(this.upload, this.#durableParts());
    assertCovered(parts, { startOffset: this.#start, sizeBytes, partSizeBytes: this.upload.partSizeBytes });
    return { sizeBytes, crc32: combineParts(parts), parts, put: undefined, sha256 };
  }

  /** Ends the writer, after success or failure. Whole parts in flight settle and are recorded. Never rejects. */
  async close(): Promise<void> {
    await this.#sender.close();
  }

  #throwIfFailed(): void {
    if (this.#sender.failure !== undefined) throw this.#sender.failure;
  }

  #durableParts(): DurablePart[] {
    return [...this.#sender.recorder.parts.values()].sort((a, b) => a.partNumber - b.partNumber);
  }

  #openPart(): Part | undefined {
    const partNumber = partNumberAt(this.#nextOffset as number, this.upload.partSizeBytes);
    if (!this.#sender.prepare(partNumber, { isOwed: this.#unverified.length > 0 })) return undefined;
    this.#part = this.#sender.open(partNumber);
    return this.#part;
  }

  /** All bytes of the part have come. It ends at once or with the chunk, whose CRC32 is to be checked before. The next part is prepared. */
  #leavePart(part: Part, chunk: ChunkInFlight): void {
    this.#part = undefined;
    if (chunk.crc32 === undefined) part.end();
    else this.#unverified.push(part);
    const end = this.#laneEnd ?? this.upload.sizeBytes;
    const isChunkOver = this.#nextOffset === chunk.offset + chunk.lengthBytes;
    if (end !== undefined && part.endOffset < end && isChunkOver) this.#sender.prepare(part.partNumber + 1);
  }

  /** Where the writer's range ends, once all its bytes have been taken. */
  #assertSize(declaredByFinish: number | undefined): number {
    const reached = this.#reachedOffset();
    const sizeBytes = this.upload.sizeBytes ?? declaredByFinish ?? reached;
    if (declaredByFinish !== undefined && declaredByFinish !== sizeBytes) {
      throw new DomainError(
        "invalid_argument",
        `finish says ${declaredByFinish} bytes; the upload declared ${sizeBytes}`,
        {
          reason: "SIZE_MISMATCH",
          field: "finish.size_bytes",
          details: { size_bytes: declaredByFinish, declared_size_bytes: sizeBytes },
        },
      );
    }
    if (this.#laneEnd !== undefined && reached !== this.#laneEnd) {
      const message = `the lane ends at byte ${this.#laneEnd}; its bytes were sent up to ${reached}`;
      throw new DomainError("invalid_argument", message, {
        reason: "SIZE_MISMATCH",
        field: "start.lane.size_bytes",
        details: { lane_end_offset: this.#laneEnd, received_bytes: reached - this.#start },
      });
    }
    if (this.#laneEnd !== undefined) return this.#laneEnd;
    if (reached !== sizeBytes) {
      throw new DomainError("invalid_argument", `${sizeBytes} bytes were declared; ${reached} were sent`, {
        reason: "SIZE_MISMATCH",
        field: "finish.size_bytes",
        details: { size_bytes: sizeBytes, received_bytes: reached },
      });
    }
    return sizeBytes;
  }

  /** Where the bytes of this writer end, and the durable ones that follow right behind them. */
  #reachedOffset(): number {
    const { partSizeBytes } = this.upload;
    let offset = this.#nextOffset ?? this.#durableOffset;
    while (offset % partSizeBytes === 0) {
      const next = this.#sender.recorder.parts.get(partNumberAt(offset, partSizeBytes));
      if (next === undefined) break;
      offset += next.lengthBytes;
    }
    return offset;
  }

  /** Ends the parts that only `finish` may end: a whole file of unknown size, the empty file, a short last part of unknown size. */
  #endLastPart(sizeBytes: number): void {
    const part = this.#part;
    this.#part = undefined;
    if (this.#sender.isUndecided || sizeBytes === 0) this.#sender.endAsPut();
    else part?.end();
  }
}

function isWhole({ upload, range }: GrantedWriter): boolean {
  return range.start === 0 && (range.end === undefined || range.end === upload.sizeBytes);
}
