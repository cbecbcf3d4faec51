/** Bytes after which the content repeats: more than any cache holds, but little enough to keep in memory. */
const repeatBytes = 64 * 1024 * 1024;

/**
 * The content that every contender uploads: seeded noise (xorshift32), which is incompressible and the same on every run and
 * machine. Returns the unit that repeats; an upload of any size sends this buffer over and over.
 */
export function createPayload(seed = 0x51d1ce): Buffer {
  const words = new Uint32Array(repeatBytes / 4);
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer);
}

/** Cuts `sizeBytes` of the repeated `payload` into views of `chunkBytes` (the last may be shorter). No byte is copied. */
export function* sliceContent(payload: Buffer, sizeBytes: number, chunkBytes: number): Generator<Buffer> {
  for (let offset = 0; offset < sizeBytes; ) {
    const start = offset % payload.length;
    const length = Math.min(chunkBytes, sizeBytes - offset, payload.length - start);
    yield payload.subarray(start, start + length);
    offset += length;
  }
}
