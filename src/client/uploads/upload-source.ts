import { SluiceError } from "../sluice-error.ts";

/** Bytes that a source lends until they are released. */
export interface Lease {
  /** The bytes must not be changed, nor read after `release`. */
  bytes: Uint8Array;
  /** Tells that the bytes were sent, or never will be: their buffer may be filled anew. Called once. */
  release(): void;
}

/**
 * The source of an upload's bytes: a file (node-file-source.ts), memory, or an iterable. Offsets count from the first byte.
 * There is one read at a time, unless the source is seekable. Errors are `SOURCE_NOT_REWINDABLE`, `SOURCE_TOO_SHORT`,
 * `SOURCE_CHANGED` and `SOURCE_UNREADABLE`.
 */
export interface UploadSource {
  /** Exact size in bytes; undefined until it is known. */
  readonly sizeBytes: number | undefined;
  /** Whether any byte can be read at any time, by several readers at once. Such a source is never full. */
  readonly isSeekable: boolean;
  /** At most `sizeMaxBytes` bytes from `offset`; no bytes only at the end. Rejects with the signal's reason on abort. */
  read(offset: number, sizeMaxBytes: number, options: { signal: AbortSignal }): Promise<Lease>;
  /** Whether a read at `offset` would exceed the bound of the kept bytes. `discardBefore` makes room. */
  isFull(offset: number): boolean;
  /** Fewer kept bytes than this must not count as full, or no part could ever become durable. */
  keepAtLeast(sizeBytes: number): void;
  /** Tells that the bytes before `offset` are durable: they will not be read again. */
  discardBefore(offset: number): void;
  /** Rejects with `SOURCE_CHANGED` if the source may have changed since it was read. */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

const nothing = () => {};

/** A source of bytes in memory. The caller must not change them before the upload ends. */
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

/** Pieces smaller than this are joined by copying, so that a source of lines does not send one message per line. */
const PIECE_MIN_BYTES = 256 * 1024;

/** Bytes that an iterable's source keeps for sending again. */
export const WINDOW_DEFAULT_BYTES = 256 * 2 ** 20;

/**
 * A source of bytes that come once and in order: standard input, a socket, a generator. Bytes that are not yet durable are
 * kept, up to `windowBytes`, so that a cut stream can be continued. When the window is full, reading waits. Memory: at most
 * the window (or two parts, when these are larger) and one piece of the iterable.
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
  // This promise outlives an aborted read: the piece that it brings belongs to the next read.
  let next: Promise<IteratorResult<Uint8Array | string>> | undefined;

  async function pull(signal: AbortSignal): Promise<Uint8Array | undefined> {
    next ??= iterator.next();
    const result = await orAborted(next, signal);
    next = undefined;
    if (result.done) return undefined;
    return typeof result.value === "string" ? Buffer.from(result.value) : result.value;
  }

  /** Appends to the kept bytes: large pieces as they come, small ones joined. On abort no piece that came is lost. */
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
        // A large piece is discarded bit by bit: as a whole it would count as kept until a part that is not yet full became
        // durable.
        if (end > offset) kept.unshift({ offset, bytes: first.bytes.subarray(offset - first.offset) });
      }
    },
    assertUnchanged: async () => {},
    async close() {
      // An iterator that waits for its own `next` would never answer `return`, so nobody waits for that answer.
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
