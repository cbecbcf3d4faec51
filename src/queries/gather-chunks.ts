import { finished, type Readable } from "node:stream";
import { crc32 } from "../domain/crc32.ts";
import { noteWhole } from "../domain/memory/buffer-accounts.ts";
import { HeldBytes } from "../domain/memory/held-bytes.ts";

/** Bytes of a file in the buffers they came in, which are never changed. */
export interface Chunk {
  /**
   * The bytes, to be given back once they have been sent and nobody needs them any more. What is not given back is left to the
   * collector, which takes more CPU for it than all else that is done to the bytes (measured).
   */
  readonly bytes: HeldBytes;
  readonly sizeBytes: number;
  /** CRC32 of the bytes. */
  readonly crc32: number;
}

/**
 * Cuts and joins buffers as they come into chunks of exactly `chunkBytes`, the last one shorter; no byte is copied. The CRC32 is computed
 * at once, while the bytes are in the processor's cache.
 */
export class ChunkGatherer {
  /** All bytes that have come. */
  receivedBytes = 0;
  readonly #chunkBytes: number;
  #ready: Chunk[] = [];
  #bytes = new HeldBytes();
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
    noteWhole(bytes);
    let rest = bytes;
    while (rest.byteLength > 0) {
      const piece = rest.subarray(0, this.#chunkBytes - this.#bytes.lengthBytes);
      rest = rest.subarray(piece.byteLength);
      this.#bytes.add(piece);
      this.#crc32 = crc32(piece, this.#crc32);
      if (this.#bytes.lengthBytes === this.#chunkBytes) this.#close();
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
    if (this.#bytes.lengthBytes > 0) this.#close();
    return this.take();
  }

  #close(): void {
    this.#ready.push({ bytes: this.#bytes, sizeBytes: this.#bytes.lengthBytes, crc32: this.#crc32 });
    this.#bytes = new HeldBytes();
    this.#crc32 = 0;
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
