import { combineCrc32, crc32, formatCrc32 } from "../domain/crc32.ts";
import { DomainError } from "../domain/errors.ts";
import type { DurablePart } from "../domain/uploads/upload.ts";

/** A chunk while its bytes pass. `crc32` is what the caller says, `actual` what was computed. */
export interface ChunkInFlight {
  offset: number;
  lengthBytes: number;
  crc32: number | undefined;
  /** The caller's CRC32 is combined into the part's unverified, and S3 checks the sum: the bytes are not summed here. */
  isTrusted: boolean;
  actual: number;
}

/** The CRC32 of a part while its bytes pass, and the chunks that S3 is left to check. */
export class PartChecksum {
  /** Of the bytes that have passed. */
  crc32 = 0;
  readonly #startOffset: number;
  readonly #trusted: { offset: number; lengthBytes: number; crc32: number }[] = [];

  /** `startOffset`: where the part begins in the file. */
  constructor(startOffset: number) {
    this.#startOffset = startOffset;
  }

  /** Sums bytes of a chunk that is not trusted: one pass serves the part and, where the caller gave a CRC32, the chunk. */
  add(bytes: Uint8Array, chunk: ChunkInFlight): void {
    if (chunk.crc32 === undefined) {
      this.crc32 = crc32(bytes, this.crc32);
      return;
    }
    const crc = crc32(bytes);
    this.crc32 = combineCrc32(this.crc32, crc, bytes.length);
    chunk.actual = combineCrc32(chunk.actual, crc, bytes.length);
  }

  /** Adds a trusted chunk, all of whose bytes have passed. */
  addTrusted({ offset, lengthBytes, crc32: crc = 0 }: ChunkInFlight): void {
    this.crc32 = combineCrc32(this.crc32, crc, lengthBytes);
    this.#trusted.push({ offset, lengthBytes, crc32: crc });
  }

  /** Refuses bytes that came again and are not those that are durable: `aborted / CHECKSUM_MISMATCH`. */
  assertSame(durable: DurablePart, part: { passedBytes: number; endOffset: number }): void {
    if (durable.crc32 === this.crc32 && durable.lengthBytes === part.passedBytes) return;
    const offset = this.#startOffset;
    const message = `bytes ${offset} to ${part.endOffset} differ from those that are durable; begin a new upload`;
    throw new DomainError("aborted", message, {
      reason: "CHECKSUM_MISMATCH",
      details: { part_number: durable.partNumber, offset },
    });
  }

  /** The refusal of the first trusted chunk that does not match its CRC32, once S3 has refused the part; undefined when all do. */
  findWrongChunk(kept: readonly Uint8Array[]): DomainError | undefined {
    const cursor = new KeptCursor(kept);
    let offset = this.#startOffset;
    for (const chunk of this.#trusted) {
      cursor.skip(chunk.offset - offset);
      const actual = cursor.sum(chunk.lengthBytes);
      offset = chunk.offset + chunk.lengthBytes;
      if (actual !== chunk.crc32) return toChunkMismatch(chunk, actual);
    }
    return undefined;
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
