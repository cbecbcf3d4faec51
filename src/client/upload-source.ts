import { SluiceError } from "./sluice-error.ts";

/** Bytes lent by a source until they are released. */
export interface Lease {
  /** Must not be changed, nor read after `release`. */
  bytes: Uint8Array;
  /** The bytes were sent (or never will be): their buffer may be filled anew. Called once. */
  release(): void;
}

/**
 * Where the bytes of an upload come from: a file (node-file-source.ts), memory, or an iterable. Offsets count from the
 * first byte. One read at a time, unless it is seekable. Errors: `SOURCE_NOT_REWINDABLE`, `SOURCE_TOO_SHORT`, `SOURCE_CHANGED`, `SOURCE_UNREADABLE`.
 */
export interface UploadSource {
  /** Exact size in bytes; undefined until it is known. */
  readonly sizeBytes: number | undefined;
  /** Whether any byte can be read at any time, by several readers at once. Such a source is never full. */
  readonly isSeekable: boolean;
  /** At most `sizeMaxBytes` bytes from `offset`; none only at the end. Rejects with the signal's reason on abort. */
  read(offset: number, sizeMaxBytes: number, options: { signal: AbortSignal }): Promise<Lease>;
  /** Whether reading at `offset` would pass the bound of what is kept for sending again: `discardBefore` frees some. */
  isFull(offset: number): boolean;
  /** Fewer kept bytes than these must not count as full, or no part could ever become durable. */
  keepAtLeast(sizeBytes: number): void;
  /** Bytes before `offset` are durable: they will not be read again. */
  discardBefore(offset: number): void;
  /** Rejects with `SOURCE_CHANGED` if what was read may no longer be what the source holds. */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

const nothing = () => {};

/** Bytes in memory. The caller must not change them before the upload ends. */
export function createBytesSource(bytes: Uint8Array): UploadSource {
  return {
    sizeBytes: bytes.length,
    isSeekable: true,
    read: async (offset, sizeMaxBytes) => ({ bytes: bytes.subarray(offset, offset + sizeMaxBytes), release: nothing }),
    isFull: () => false,
    keepAtLeast: nothing,
    discardBefore: nothing,
    assertUnchanged: async () => {},
    close: async () => {},
  };
}

/** Pieces smaller than this are joined by copying, so that a source of lines does not become a message a line. */
const PIECE_MIN_BYTES = 256 * 1024;

/** How much an iterable's source keeps for sending again, in bytes. */
export const WINDOW_DEFAULT_BYTES = 256 * 2 ** 20;

/**
 * Bytes that come once and in order: standard input, a socket, a generator. What is not yet durable is kept, up to
 * `windowBytes`, so that a cut stream can be continued; when the window is full, reading waits. Memory: at most the
 * window (or two parts, where these are larger) and one piece of the iterable.
 */
export function createIterableSource(
  iterable: AsyncIterable<Uint8Array | string>,
  windowBytes = WINDOW_DEFAULT_BYTES,
): UploadSource {
  const iterator = iterable[Symbol.asyncIterator]();
  const kept: { offset: number; bytes: Uint8Array }[] = [];
  let keepBytes = windowBytes;
  let endOffset = 0;
  let ended = false;
  // Outlives an aborted read: the piece that it brings belongs to the next one.
  let next: Promise<IteratorResult<Uint8Array | string>> | undefined;

  async function pull(signal: AbortSignal): Promise<Uint8Array | undefined> {
    next ??= iterator.next();
    const result = await orAborted(next, signal);
    next = undefined;
    if (result.done) return undefined;
    return typeof result.value === "string" ? Buffer.from(result.value) : result.value;
  }

  /** Appends to what is kept: pieces as they come, small ones joined. On abort nothing that came is lost. */
  const gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  async function fill(signal: AbortSignal): Promise<void> {
    while (!ended && gatheredBytes < PIECE_MIN_BYTES) {
      const piece = await pull(signal);
      if (piece === undefined) ended = true;
      else {
        gathered.push(piece);
        gatheredBytes += piece.length;
      }
    }
    if (gatheredBytes === 0) return;
    const bytes = gathered.length === 1 ? (gathered[0] as Uint8Array) : Buffer.concat(gathered, gatheredBytes);
    kept.push({ offset: endOffset, bytes });
    endOffset += gatheredBytes;
    gathered.length = 0;
    gatheredBytes = 0;
  }

  const keptFrom = () => kept[0]?.offset ?? endOffset;

  return {
    get sizeBytes() {
      return ended ? endOffset + gatheredBytes : undefined;
    },
    isSeekable: false,
    async read(offset, sizeMaxBytes, { signal }) {
      if (offset < keptFrom()) {
        throw new SluiceError(
          "failed_precondition",
          `the service asks for byte ${offset} again, but of this source only bytes from ${keptFrom()} are kept; upload from a file to continue from any byte`,
          { reason: "SOURCE_NOT_REWINDABLE" },
        );
      }
      while (offset >= endOffset && !(ended && gatheredBytes === 0)) await fill(signal);
      const piece = kept.findLast((candidate) => candidate.offset <= offset);
      const from = piece === undefined ? 0 : offset - piece.offset;
      return { bytes: piece?.bytes.subarray(from, from + sizeMaxBytes) ?? new Uint8Array(), release: nothing };
    },
    isFull: (offset) => offset >= endOffset && endOffset - keptFrom() >= keepBytes,
    keepAtLeast(sizeBytes) {
      keepBytes = Math.max(windowBytes, sizeBytes);
    },
    discardBefore(offset) {
      for (let first = kept[0]; first !== undefined && first.offset < offset; first = kept[0]) {
        const end = first.offset + first.bytes.length;
        kept.shift();
        // A large piece goes bit by bit: whole, it would count as kept until a part that is not yet full were durable.
        if (end > offset) kept.unshift({ offset, bytes: first.bytes.subarray(offset - first.offset) });
      }
    },
    assertUnchanged: async () => {},
    async close() {
      // An iterator that waits for its own `next` would never answer `return`: it is told, not waited for.
      next?.catch(nothing);
      iterator.return?.()?.catch(nothing);
    },
  };
}

/** The promise's outcome, or the signal's reason as soon as it is aborted. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
