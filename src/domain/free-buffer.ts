/**
 * Gives the memory of a buffer back at once, which nobody uses any more. A buffer that Node protects from that (as those of its pool) is left
 * to the collector.
 */
export function freeBuffer(buffer: ArrayBufferLike): void {
  try {
    (buffer as ArrayBuffer).transfer(0);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
