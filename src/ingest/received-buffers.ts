import { freeBuffer } from "../domain/free-buffer.ts";

/** Bytes of an HTTP/2 frame header (RFC 9113, 4.1). */
const FRAME_HEADER_BYTES = 9;

/**
 * Gives the memory of received bytes back as soon as S3 has acknowledged them, instead of leaving it to the collector:
 * V8 answers every 64 MiB of memory outside its heap with a full collection, which costs a quarter of the CPU per byte
 * (measured), and memory that is reused at once is still in the cache.
 *
 * node:http2 reads the socket into an ArrayBuffer and hands each DATA frame's bytes out as a view of it. Such a buffer
 * may hold frames of other streams, whose readers must not lose them. So a buffer is given back only when the views that
 * are released together are all that this stream got of it, and leave no room for a foreign byte: beside them, the buffer
 * has room for one frame header for each run of adjoining bytes, and for no more. A foreign view takes at least one byte
 * and, unless it continues a frame of the buffer before, a header of its own; and the first view of a buffer is the only
 * one that can come without a header. So a buffer with a foreign byte is never given back. Nor is one with a frame that the
 * end of a part cuts: the rest of the frame, which the next part still needs, may be so short that it would be taken for a
 * header. Headers of messages are this stream's bytes, too: they are not needed once they are read, and views on both
 * sides of one count as adjoining.
 */
export class ReceivedBuffers {
  /**
   * Bytes that this stream got of each buffer; NaN once some of them were released. The map is weak, because many a buffer is
   * never released: where its bytes were only compared, or sent in several attempts.
   */
  readonly #receivedBytes = new WeakMap<ArrayBufferLike, number>();
  /** Message headers that were read, in their order. */
  readonly #headers = new WeakMap<ArrayBufferLike, Uint8Array[]>();

  /** Bytes that came straight from the HTTP/2 stream. */
  note(bytes: Uint8Array): void {
    this.#receivedBytes.set(bytes.buffer, (this.#receivedBytes.get(bytes.buffer) ?? 0) + bytes.length);
  }

  /** The header of a message that has been read: it is not needed any more. */
  noteHeader(header: Uint8Array): void {
    const receivedBytes = this.#receivedBytes.get(header.buffer);
    // The header was put together from pieces of several buffers.
    if (receivedBytes === undefined) return;
    this.#receivedBytes.set(header.buffer, receivedBytes - header.length);
    const headers = this.#headers.get(header.buffer);
    if (headers === undefined) this.#headers.set(header.buffer, [header]);
    else headers.push(header);
  }

  /** Gives back the buffers of these views, where that is safe. The views stand in the order they came, and are not used any more. */
  release(views: readonly Uint8Array[]): void {
    for (let first = 0; first < views.length; ) {
      const { buffer } = views[first] as Uint8Array;
      const headers = this.#headers.get(buffer) ?? [];
      let coveredBytes = 0;
      let runs = 0;
      let runEnd = -1;
      let end = first;
      for (let view = views[end]; view?.buffer === buffer; view = views[++end]) {
        coveredBytes += view.length;
        if (view.byteOffset !== runEnd && !isHeader(headers, runEnd, view.byteOffset)) runs++;
        runEnd = view.byteOffset + view.length;
      }
      const isAll = coveredBytes === this.#receivedBytes.get(buffer);
      const headerBytes = headers.reduce((sum, { length }) => sum + length, 0);
      const foreignBytes = buffer.byteLength - coveredBytes - headerBytes - runs * FRAME_HEADER_BYTES;
      if (isAll && foreignBytes <= 0) {
        this.#receivedBytes.delete(buffer);
        freeBuffer(buffer);
      } else {
        // A buffer that was released in part is left to the collector: no later release covers all its bytes.
        this.#receivedBytes.set(buffer, Number.NaN);
      }
      first = end;
    }
  }
}

function isHeader(headers: readonly Uint8Array[], start: number, end: number): boolean {
  return headers.some(({ byteOffset, length }) => byteOffset === start && byteOffset + length === end);
}
