import { finished, type Readable } from "node:stream";
import { crc32 } from "../domain/crc32.ts";
import { freeBuffer } from "../domain/free-buffer.ts";

/** Bytes of a file in the buffers they came in, which are never changed. */
export interface Chunk {
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** CRC32 of the bytes. */
  readonly crc32: number;
  /**
   * Gives the memory of the bytes back, once they have been sent and nobody needs them any more; chunks are released in their order. What is
   * not released is left to the collector, which takes more CPU for it than all else that is done to the bytes (measured).
   */
  release(): void;
}

/**
 * Cuts and joins buffers as they come into chunks of exactly `chunkBytes`, the last one shorter; no byte is copied. The CRC32 is computed
 * at once, while the bytes are in the processor's cache.
 */
export class ChunkGatherer {
  /** All bytes that have come. */
  receivedBytes = 0;
  readonly #chunkBytes: number;
  readonly #returned = new ReturnedBuffers();
  #ready: Chunk[] = [];
  #pieces: Uint8Array[] = [];
  #sizeBytes = 0;
  #crc32 = 0;

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  /** Whether the gatherer holds a whole chunk that nobody has taken. */
  get isReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Takes over the next bytes: nobody else may use their buffer's memory. */
  push(bytes: Uint8Array): void {
    this.receivedBytes += bytes.byteLength;
    let rest = bytes;
    while (rest.byteLength > 0) {
      const piece = rest.subarray(0, this.#chunkBytes - this.#sizeBytes);
      rest = rest.subarray(piece.byteLength);
      this.#pieces.push(piece);
      this.#sizeBytes += piece.byteLength;
      this.#crc32 = crc32(piece, this.#crc32);
      if (this.#sizeBytes === this.#chunkBytes) this.#close();
    }
  }

  /** The whole chunks that wait. */
  take(): Chunk[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** The last chunk, where there is one: nothing follows. */
  end(): Chunk[] {
    if (this.#sizeBytes > 0) this.#close();
    return this.take();
  }

  #close(): void {
    const pieces = this.#pieces;
    const release = () => this.#returned.add(pieces);
    this.#ready.push({ pieces, sizeBytes: this.#sizeBytes, crc32: this.#crc32, release });
    this.#pieces = [];
    this.#sizeBytes = 0;
    this.#crc32 = 0;
  }
}

/** Frees each buffer of which all bytes have come back; one that also held other bytes, such as an answer's headers, never has. */
class ReturnedBuffers {
  #buffer: ArrayBufferLike | undefined;
  #bytes = 0;

  /** Pieces come in the order of their bytes. */
  add(pieces: readonly Uint8Array[]): void {
    for (const { buffer, byteLength } of pieces) {
      if (buffer !== this.#buffer) this.#bytes = 0;
      this.#buffer = buffer;
      this.#bytes += byteLength;
      if (this.#bytes === buffer.byteLength) freeBuffer(buffer);
    }
  }
}

/**
 * Reads a stream into chunks, and yields whole ones as they are there. While one is used the next is read, and the stream waits with that.
 * When the stream fails, whole chunks are yielded before the error is thrown, and the gatherer keeps the bytes behind them for the next
 * stream. The stream is closed at the end. `for await` would join the buffers that wait in a stream.
 */
export async function* readChunks(
  stream: Readable,
  gatherer: ChunkGatherer,
): AsyncGenerator<readonly Chunk[], void, undefined> {
  let end: { error: unknown } | undefined;
  let wake = () => {};
  finished(stream, { writable: false }, (error) => {
    end = { error };
    wake();
  });
  stream.on("data", (bytes: Uint8Array) => {
    gatherer.push(bytes);
    if (!gatherer.isReady) return;
    stream.pause();
    wake();
  });
  try {
    for (;;) {
      if (!gatherer.isReady && end === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const isLast = end !== undefined;
      const ready = gatherer.take();
      if (!isLast) stream.resume();
      if (ready.length > 0) yield ready;
      if (isLast) break;
    }
    if (end?.error) throw end.error;
  } finally {
    stream.destroy();
  }
}
