import { combineCrc32, crc32, formatCrc32 } from "../domain/crc32.ts";
import { DomainError } from "../domain/errors.ts";
import type { BodyInFlight } from "../domain/object-store.ts";
import type { DurablePart } from "../domain/uploads/upload.ts";
import { PIECE_MEAN_MIN_BYTES, PieceGatherer } from "./piece-gatherer.ts";

/** A chunk while its bytes pass. `crc32` is what the caller says, `actual` what was computed. */
export interface ChunkInFlight {
  offset: number;
  lengthBytes: number;
  crc32: number | undefined;
  /** The caller's CRC32 goes into the part's unseen, and S3 checks the sum: the bytes are not summed here. */
  isTrusted: boolean;
  actual: number;
}

/**
 * One part while its bytes pass: its running CRC32, and where the bytes go. A `durable` part is not written again but
 * compared; a `held` one (the first of an upload of unknown size) waits to learn whether it is a part or a whole file; of one
 * with a window (see PartWindow) the bytes are not kept.
 */
export class PartInFlight {
  readonly partNumber: number;
  readonly startOffset: number;
  readonly lengthBytes: number;
  /** What is durable under this number already, to compare with. */
  readonly durable: DurablePart | undefined;
  /** Undefined: the bytes are kept until S3 has them. */
  readonly windowBytes: number | undefined;
  passedBytes = 0;
  /** Up to where the memory budget has room for its bytes; all of them where they are only compared. */
  admittedBytes: number;
  crc32 = 0;
  body: BodyInFlight | undefined;
  /** Bytes kept until there is a body for them. */
  #held: Uint8Array[] = [];
  readonly #pieces: PieceGatherer;
  #isEnded = false;
  /** Chunks whose caller's CRC32 went in unseen; to name the wrong one after BadDigest. */
  readonly #trusted: { offset: number; lengthBytes: number; crc32: number }[] = [];

  constructor(options: {
    partNumber: number;
    startOffset: number;
    lengthBytes: number;
    durable?: DurablePart | undefined;
    /** The bytes are not kept, and no more of them wait for S3 at once. */
    windowBytes?: number | undefined;
  }) {
    this.partNumber = options.partNumber;
    this.startOffset = options.startOffset;
    this.lengthBytes = options.lengthBytes;
    this.durable = options.durable;
    this.admittedBytes = options.durable === undefined ? 0 : options.lengthBytes;
    this.windowBytes = options.windowBytes;
    const keep = (bytes: Uint8Array) => {
      if (this.body !== undefined) this.body.write(bytes);
      else this.#held.push(bytes);
    };
    const passing = { spanBytes: options.windowBytes ?? 0, waitMaxBytes: PIECE_MEAN_MIN_BYTES };
    this.#pieces = new PieceGatherer(options.lengthBytes, keep, options.windowBytes === undefined ? {} : passing);
  }

  get isFull(): boolean {
    return this.passedBytes === this.lengthBytes;
  }

  /** Whether `end` has been said. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** How many bytes it takes now. */
  get roomBytes(): number {
    return this.admittedBytes - this.passedBytes;
  }

  get endOffset(): number {
    return this.startOffset + this.lengthBytes;
  }

  /** Bytes of a chunk that lie in this part: the one touch, while they are hot. */
  write(bytes: Uint8Array, chunk: ChunkInFlight): void {
    if (!chunk.isTrusted) this.#sum(bytes, chunk);
    this.passedBytes += bytes.length;
    if (this.durable === undefined) this.#pieces.write(bytes);
  }

  /** A chunk has passed whole; the caller's CRC32 of a trusted one joins the part's. */
  endTrustedChunk(chunk: ChunkInFlight): void {
    const crc = chunk.crc32 as number;
    this.crc32 = combineCrc32(this.crc32, crc, chunk.lengthBytes);
    this.#trusted.push({ offset: chunk.offset, lengthBytes: chunk.lengthBytes, crc32: crc });
  }

  /** Hands on what is gathered of small pieces. */
  flush(): void {
    this.#pieces.flush();
  }

  /** Gives the part its S3 request, and what was held goes; its end too, if that has been said. */
  start(body: BodyInFlight): void {
    this.body = body;
    for (const bytes of this.#held) body.write(bytes);
    this.#held = [];
    if (this.#isEnded) body.end(this.crc32);
  }

  /** Takes the bytes back that are kept for it; its request, if it has one, is given up with `reason`. */
  withdraw(reason: Error): readonly Uint8Array[] {
    this.#pieces.flush();
    const { body } = this;
    const bytes = body === undefined ? this.#held : [...body.kept];
    this.#held = [];
    this.body = undefined;
    body?.abort(reason);
    return bytes;
  }

  /** All bytes have passed, and every chunk that touches them is verified. */
  end(): void {
    this.#isEnded = true;
    this.#pieces.flush();
    this.body?.end(this.crc32);
  }

  /** The bytes sent again differ from the durable ones. */
  assertSameAsDurable(): void {
    const { durable } = this;
    if (durable === undefined) return;
    if (durable.crc32 === this.crc32 && durable.lengthBytes === this.passedBytes) return;
    const message = `bytes ${this.startOffset} to ${this.endOffset} differ from those that are durable; begin a new upload`;
    throw new DomainError("aborted", message, {
      reason: "CHECKSUM_MISMATCH",
      details: { part_number: this.partNumber, offset: this.startOffset },
    });
  }

  /** Names the chunk that the caller's CRC32 does not fit, after S3 said BadDigest; undefined when none. */
  findWrongChunk(): DomainError | undefined {
    const cursor = new KeptCursor(this.body?.kept ?? []);
    let position = this.startOffset;
    for (const chunk of this.#trusted) {
      cursor.skip(chunk.offset - position);
      const actual = cursor.sum(chunk.lengthBytes);
      position = chunk.offset + chunk.lengthBytes;
      if (actual !== chunk.crc32) return toChunkMismatch(chunk, actual);
    }
    return undefined;
  }

  /** One pass serves the part and, where the caller gave a CRC32, the chunk. */
  #sum(bytes: Uint8Array, chunk: ChunkInFlight): void {
    if (chunk.crc32 === undefined) {
      this.crc32 = crc32(bytes, this.crc32);
      return;
    }
    const crc = crc32(bytes);
    this.crc32 = combineCrc32(this.crc32, crc, bytes.length);
    chunk.actual = combineCrc32(chunk.actual, crc, bytes.length);
  }
}

/** The refusal of a chunk whose bytes do not match its CRC32. */
export function toChunkMismatch(
  chunk: { offset: number; lengthBytes: number; crc32: number | undefined },
  actual: number,
): DomainError {
  const expected = formatCrc32(chunk.crc32 ?? 0);
  const message = `the chunk at offset ${chunk.offset} (${chunk.lengthBytes} bytes) has CRC32 ${formatCrc32(actual)}; its crc32 says ${expected}`;
  return new DomainError("aborted", message, {
    reason: "CHECKSUM_MISMATCH",
    details: {
      chunk_offset: chunk.offset,
      chunk_bytes: chunk.lengthBytes,
      crc32: formatCrc32(actual),
      expected_crc32: expected,
    },
  });
}

/** Walks kept buffers by byte counts. */
class KeptCursor {
  readonly #buffers: readonly Uint8Array[];
  #index = 0;
  #offset = 0;

  constructor(buffers: readonly Uint8Array[]) {
    this.#buffers = buffers;
  }

  skip(lengthBytes: number): void {
    this.#take(lengthBytes, () => {});
  }

  sum(lengthBytes: number): number {
    let crc = 0;
    this.#take(lengthBytes, (bytes) => {
      crc = crc32(bytes, crc);
    });
    return crc;
  }

  #take(lengthBytes: number, visit: (bytes: Uint8Array) => void): void {
    for (let rest = lengthBytes; rest > 0; ) {
      const buffer = this.#buffers[this.#index];
      if (buffer === undefined) return;
      const piece = buffer.subarray(this.#offset, this.#offset + rest);
      visit(piece);
      rest -= piece.length;
      this.#offset += piece.length;
      if (this.#offset === buffer.length) {
        this.#index++;
        this.#offset = 0;
      }
    }
  }
}
