import { finished, type Readable } from "node:stream";

/** Bytes of a file in the buffers they came in, which are never changed. */
export interface Chunk {
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
}

/**
 * The buffers of a stream as they come, at least `batchBytes` of them at a time, the last ones fewer. While one batch is used the
 * next is read, and the stream waits with that. What came before an error is yielded before it is thrown. The stream is closed at
 * the end. A stream read by `for await` would join the buffers that wait.
 */
export async function* readBatches(
  stream: Readable,
  batchBytes: number,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  let batch: Uint8Array[] = [];
  let sizeBytes = 0;
  let end: { error: unknown } | undefined;
  let wake = () => {};
  finished(stream, { writable: false }, (error) => {
    end = { error };
    wake();
  });
  stream.on("data", (bytes: Uint8Array) => {
    batch.push(bytes);
    sizeBytes += bytes.byteLength;
    if (sizeBytes < batchBytes) return;
    stream.pause();
    wake();
  });
  try {
    for (;;) {
      if (sizeBytes < batchBytes && end === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const taken = batch;
      const isLast = end !== undefined;
      batch = [];
      sizeBytes = 0;
      if (!isLast) stream.resume();
      if (taken.length > 0) yield taken;
      if (isLast) break;
    }
    if (end?.error) throw end.error;
  } finally {
    stream.destroy();
  }
}

/** Cuts and joins batches of buffers into chunks of exactly `chunkBytes`, the last one shorter; no byte is copied. */
export async function* gatherChunks(
  batches: AsyncIterable<readonly Uint8Array[]>,
  chunkBytes: number,
): AsyncGenerator<Chunk, void, undefined> {
  let pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const batch of batches) {
    for (const buffer of batch) {
      let rest = buffer;
      while (sizeBytes + rest.byteLength >= chunkBytes) {
        const takenBytes = chunkBytes - sizeBytes;
        yield { pieces: [...pieces, rest.subarray(0, takenBytes)], sizeBytes: chunkBytes };
        pieces = [];
        sizeBytes = 0;
        rest = rest.subarray(takenBytes);
      }
      if (rest.byteLength === 0) continue;
      pieces.push(rest);
      sizeBytes += rest.byteLength;
    }
  }
  if (sizeBytes > 0) yield { pieces, sizeBytes };
}
