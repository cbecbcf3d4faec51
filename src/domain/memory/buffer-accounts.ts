/*
 * The owner of received memory: this module alone gives the memory of a buffer back before the collector does.
 *
 * V8 answers young memory outside its heap with collections, which cost half of the CPU of an upload (measured, see docs/benchmarks.md). So a
 * buffer is detached as soon as nobody needs it. Whoever still has a view of it then reads nothing, or, in native code, memory that
 * belongs to another caller by then. So a buffer is given back only when its account proves all of this:
 *
 *  1. Every byte of it is known: it was noted here as bytes of one receiver, or it can only be a header of an HTTP/2 frame.
 *  2. Every byte that was noted has been given back, by the one handle that held it (see HeldBytes).
 *  3. Node has read the buffer to its end, and does not go on in it.
 *
 * What has no account is never given back: a slice of Node's pool, a copy, bytes that somebody read without noting them.
 */

/** Bytes of an HTTP/2 frame header (RFC 9113, 4.1). */
const FRAME_HEADER_BYTES = 9;

/** What is known of one buffer. */
interface Account {
  readonly buffer: ArrayBufferLike;
  /** Where the noted bytes end. */
  end: number;
  /** Bytes that were noted and not given back. */
  outBytes: number;
  /** Every byte before `end` was noted, or belongs to nobody. False for good once that is not certain. */
  isKnown: boolean;
  /** Node has read beyond this buffer. */
  isPast: boolean;
}

/**
 * A buffer carries its account itself. A WeakMap would keep buffers clean of it, but under TLS each record of 16 KiB has a buffer of its
 * own, and the map's entries then cost twice of what making and freeing these buffers costs.
 */
const ACCOUNT = Symbol("account");
type AccountedBuffer = ArrayBufferLike & { [ACCOUNT]?: Account };

let isFreeing = true;

/** Leaves all buffers to the collector from now on, or gives them back again. Returns how it was. */
export function setFreeing(isOn: boolean): boolean {
  const before = isFreeing;
  isFreeing = isOn;
  return before;
}

/**
 * Notes the bytes that one HTTP/2 stream receives. node:http2 reads the socket into a buffer and hands out the data of each frame as a
 * view of it, so a buffer may hold frames of several streams, whose readers note nothing here. Their bytes are seen by the gaps that they
 * leave: a view begins a frame, whose header of nine bytes stands right before it, or it goes on with a frame of the buffer before and
 * has no gap. A gap of any other length, or more than nine bytes behind the last view, may be another stream's. While Node
 * writes, it stops reading in the midst of a buffer and goes on later, so the bytes behind the last view are certain only once
 * bytes of a later buffer have come.
 */
export class FrameBytes {
  #newest: Account | undefined;

  note(bytes: Uint8Array): void {
    const { buffer, byteOffset, length } = bytes;
    if (this.#newest?.buffer !== buffer) {
      const before = this.#newest;
      this.#newest = open(buffer);
      // Another stream has noted bytes of this buffer: its gaps and those of this one tell nothing any more.
      if (this.#newest.end > 0) this.#newest.isKnown = false;
      if (before !== undefined) {
        before.isPast = true;
        settle(before);
      }
    }
    const account = this.#newest;
    const gap = byteOffset - account.end;
    const isFirst = account.end === 0;
    const isHeader = isFirst ? gap >= 0 && gap <= FRAME_HEADER_BYTES : gap === 0 || gap === FRAME_HEADER_BYTES;
    if (!isHeader) account.isKnown = false;
    account.end = byteOffset + length;
    account.outBytes += length;
  }
}

/**
 * Notes bytes whose buffer nobody else can have, because Node made it for them: a piece of an HTTP/1.1 body. Bytes that are not all of
 * their buffer are not noted.
 */
export function noteWhole({ buffer, length }: Uint8Array): void {
  if (length !== buffer.byteLength) return;
  const account = open(buffer);
  if (account.end > 0) return;
  account.end = length;
  account.outBytes = length;
}

/**
 * Notes bytes of a socket that were copied out of their buffer already, so that nobody needs them. A plain socket has a buffer for each
 * read. TLS sockets share one (`isShared`), which they fill in turn: it is given back once all of its bytes, from the first to the last,
 * have come this way.
 */
export function noteCopied({ buffer, byteOffset, length }: Uint8Array, { isShared }: { isShared: boolean }): void {
  const account = open(buffer);
  if (byteOffset !== account.end) account.isKnown = false;
  account.end = byteOffset + length;
  if (!isShared) account.isPast = true;
  if (account.isKnown && account.outBytes === 0 && (!isShared || account.end === buffer.byteLength)) free(account);
}

/** Gives bytes back that nobody refers to any more, each byte once. Their buffer goes when that is true of all of it. */
export function giveBack({ buffer, length }: Uint8Array): void {
  const account = find(buffer);
  if (account === undefined) return;
  account.outBytes -= length;
  // Bytes were given back twice: others may be out that count as given back.
  if (account.outBytes < 0) account.isKnown = false;
  settle(account);
}

function find(buffer: AccountedBuffer): Account | undefined {
  return buffer[ACCOUNT];
}

function open(buffer: AccountedBuffer): Account {
  buffer[ACCOUNT] ??= { buffer, end: 0, outBytes: 0, isKnown: true, isPast: false };
  return buffer[ACCOUNT];
}

function settle(account: Account): void {
  if (account.outBytes !== 0 || !account.isKnown) return;
  const restBytes = account.buffer.byteLength - account.end;
  if (restBytes === 0 || (account.isPast && restBytes <= FRAME_HEADER_BYTES)) free(account);
}

/** A buffer that Node protects from being detached, as those of its pool, is left to the collector. */
function free(account: Account): void {
  account.isKnown = false;
  if (!isFreeing) return;
  try {
    (account.buffer as ArrayBuffer).transfer(0);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
