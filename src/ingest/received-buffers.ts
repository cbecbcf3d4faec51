/** Bytes of an HTTP/2 frame header (RFC 9113, 4.1). */
const FRAME_HEADER_BYTES = 9;

/**
 * Gives the memory of received bytes back as soon as S3 has acknowledged them, instead of leaving it to the collector:
 * V8 answers every 64 MiB of memory outside its heap with a full collection, which costs a quarter of the CPU per byte
 * (measured), and memory that is reused at once is still in the cache.
 *
 * node:http2 reads the socket into an ArrayBuffer and hands each DATA frame's bytes out as a view of it. Such a buffer
 * may hold frames of other streams, whose readers must not lose them. It is therefore given back only when the views
 * released together leave no room for a foreign byte: all that they do not cover is one frame header each. A foreign
 * view is at least one byte and, unless it continues a frame of the buffer before, a header of its own; and the first
 * view of a buffer is the only one that can go without a header. So a buffer with anything foreign in it never passes.
 * Message headers between our own bytes keep a buffer from passing too: those few are left to the collector.
 */
export class ReceivedBuffers {
  /** Weak, because many a buffer never comes back: bytes that were only compared, or sent in several attempts. */
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  #newest: ArrayBufferLike | undefined;

  /** Bytes that came straight from the HTTP/2 stream. */
  note(bytes: Uint8Array): void {
    if (bytes.buffer === this.#newest) return;
    this.#newest = bytes.buffer;
    this.#buffers.add(bytes.buffer);
  }

  /** Views, in the order they came, that nobody refers to any more. */
  release(views: readonly Uint8Array[]): void {
    for (let first = 0; first < views.length; ) {
      const { buffer } = views[first] as Uint8Array;
      let coveredBytes = 0;
      let end = first;
      for (let view = views[end]; view?.buffer === buffer; view = views[++end]) coveredBytes += view.length;
      const foreignBytes = buffer.byteLength - coveredBytes - (end - first) * FRAME_HEADER_BYTES;
      if (this.#buffers.delete(buffer) && foreignBytes <= 0) (buffer as ArrayBuffer).transfer(0);
      first = end;
    }
  }
}
