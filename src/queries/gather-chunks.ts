/**
 * Cuts and joins buffers as they come into chunks of exactly `chunkBytes`, the last one shorter; empty input yields
 * nothing. Holds one chunk. Every byte is copied once, and only where a chunk spans several buffers: sockets hand over
 * 64 KiB at most, and a message a buffer would cost four times as many messages.
 */
export async function* gatherChunks(
  buffers: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const buffer of buffers) {
    let rest = buffer;
    while (pendingBytes + rest.byteLength >= chunkBytes) {
      const taken = chunkBytes - pendingBytes;
      yield join([...pending, rest.subarray(0, taken)]);
      pending = [];
      pendingBytes = 0;
      rest = rest.subarray(taken);
    }
    if (rest.byteLength === 0) continue;
    pending.push(rest);
    pendingBytes += rest.byteLength;
  }
  if (pendingBytes > 0) yield join(pending);
}

function join(buffers: readonly Uint8Array[]): Uint8Array {
  const [first] = buffers;
  return buffers.length === 1 && first !== undefined ? first : Buffer.concat(buffers);
}
