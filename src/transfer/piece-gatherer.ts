/**
 * Smallest mean size of the pieces that are kept by reference, in bytes, and smallest chunk whose CRC32 is left to S3. The
 * objects that describe smaller ones would take more memory than their bytes.
 */
export const PIECE_MEAN_MIN_BYTES = 1024;

/**
 * How many bytes of network buffers kept pieces may keep from being freed, for each of their own, beyond two network buffers:
 * the buffer that a part begins in may hold little of it, and of the next buffer the first frame comes alone.
 */
export const PINNED_BYTES_PER_BYTE = 2;

/** Size of the blocks that small pieces are copied into, in bytes: about that of Node's network buffers. */
export const BLOCK_BYTES = 65_536;

/**
 * Decides how the bytes of a part are kept: by reference, or copied.
 *
 * A reference keeps the whole network buffer that it is a view of. That costs nothing as long as the buffer holds little
 * but file bytes, which is the rule. But a caller may send its file as chunks of one byte, or as one piece in each buffer
 * full of something else, and the memory budget counts file bytes. So pieces are copied, one behind the other into blocks,
 * where the kept pieces would be too many for their bytes, or pin more than PINNED_BYTES_PER_BYTE. Both bounds are of the
 * part, and not of each piece: where a network buffer ends in the midst of a frame, a few bytes come alone, and a copy of
 * them would keep their buffer from being given back (see domain/memory).
 * Memory of a part: at most that factor of its size, and three buffers more.
 */
export class PieceGatherer {
  readonly #keep: (bytes: Uint8Array) => void;
  readonly #blockBytes: number;
  readonly #waitMaxBytes: number;
  readonly #spanBytes: number;
  /** Counts of the pieces that are kept by reference. */
  #pieces = 0;
  #keptBytes = 0;
  #pinnedBytes = 0;
  #newest: ArrayBufferLike | undefined;
  #block: Buffer | undefined;
  /** Where the bytes of the block begin that were not handed to `keep`, and where they end. */
  #start = 0;
  #end = 0;

  /**
   * `lengthBytes` is the most that will come. `keep` gets the copies, in their order. Where bytes are not kept until all have
   * come, the bounds hold of each `spanBytes`, and copies wait here until there are `waitMaxBytes` of them.
   */
  constructor(
    lengthBytes: number,
    keep: (bytes: Uint8Array) => void,
    options: { spanBytes?: number; waitMaxBytes?: number } = {},
  ) {
    this.#spanBytes = options.spanBytes ?? Number.POSITIVE_INFINITY;
    this.#waitMaxBytes = options.waitMaxBytes ?? BLOCK_BYTES;
    this.#blockBytes = Math.min(BLOCK_BYTES, lengthBytes);
    this.#keep = keep;
  }

  /**
   * Decides about the next bytes. True: they may be kept by reference, behind what was kept before. False: they were copied, and
   * wait here until others come, or `flush`.
   */
  refers(bytes: Uint8Array): boolean {
    if (!this.#mayRefer(bytes)) {
      this.#copy(bytes);
      return false;
    }
    this.flush();
    return true;
  }

  /** Hands the copies that wait to `keep`. */
  flush(): void {
    if (this.#block !== undefined && this.#end > this.#start) this.#keep(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #mayRefer({ buffer, length }: Uint8Array): boolean {
    if (this.#keptBytes >= this.#spanBytes) {
      this.#pieces = 0;
      this.#keptBytes = 0;
      this.#pinnedBytes = 0;
    }
    const pieces = this.#pieces + 1;
    const pinnedBytes = this.#pinnedBytes + (buffer === this.#newest ? 0 : buffer.byteLength);
    const keptBytes = this.#keptBytes + length;
    if (pieces * PIECE_MEAN_MIN_BYTES > keptBytes + BLOCK_BYTES) return false;
    if (pinnedBytes > PINNED_BYTES_PER_BYTE * keptBytes + 2 * BLOCK_BYTES) return false;
    this.#pieces = pieces;
    this.#pinnedBytes = pinnedBytes;
    this.#keptBytes = keptBytes;
    this.#newest = buffer;
    return true;
  }

  #copy(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0; ) {
      if (this.#block === undefined || this.#end === this.#block.length) {
        this.flush();
        // A slab of its own: a slice of Node's pool would keep that.
        this.#block = Buffer.allocUnsafeSlow(this.#blockBytes);
        this.#start = 0;
        this.#end = 0;
      }
      const piece = rest.subarray(0, this.#block.length - this.#end);
      this.#block.set(piece, this.#end);
      this.#end += piece.length;
      rest = rest.subarray(piece.length);
    }
    if (this.#end === this.#block?.length || this.#end - this.#start >= this.#waitMaxBytes) this.flush();
  }
}
