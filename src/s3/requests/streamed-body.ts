import type { ClientRequest } from "node:http";

/** How the bytes of one S3 request are laid out and paced. */
export interface BodyLayout {
  /**
   * `trailer`: aws-chunked with a CRC32 trailer, so that the checksum may be unknown when the bytes begin to go.
   * `header`: plain bytes; the checksum was sent in a header, so all bytes must be there.
   */
  form: "trailer" | "header";
  /** Bytes of one aws-chunk; 0 sends the whole body as one chunk. Ignored for `header`. */
  chunkBytes: number;
  /** Bytes gathered before they are written to the socket in one go. */
  corkBytes: number;
}

const CRLF = Buffer.from("\r\n");

/**
 * The body of one S3 request, pushed into its socket while the bytes arrive: the sender attaches the HTTP request, the
 * owner writes.
 *
 * Not a stream, on purpose: an async iterator or a Readable costs a third more CPU per byte (measured), and their
 * back pressure is not needed where the memory budget already bounds what is pushed.
 *
 * Layout of the `trailer` form, after AWS "Signature calculations: trailing headers":
 * `<hex length>\r\n<bytes>\r\n` for each chunk, then `0\r\nx-amz-checksum-crc32:<base64>\r\n\r\n`.
 */
export class StreamedBody {
  /** Length of the file's bytes in the body. */
  readonly decodedLengthBytes: number;
  /** Length of the body on the wire, for Content-Length. */
  readonly encodedLengthBytes: number;
  readonly layout: BodyLayout;
  #crc32: number | undefined;
  readonly #onActivity: () => void;
  readonly #onLeft: ((leftBytes: number) => void) | undefined;
  #request: ClientRequest | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #writtenBytes = 0;
  #leftBytes = 0;
  #chunkRestBytes = 0;
  #isEnded = false;
  #isDetached = false;

  /**
   * `crc32` is that of the bytes, where it is known already: the `header` form needs it.
   * `onActivity` is called whenever bytes go to the socket's queue, and when they leave it; it must be cheap. `onLeft` is told
   * how many of the file's bytes have left that queue in all, unless the request has died.
   */
  constructor(
    lengthBytes: number,
    options: {
      layout: BodyLayout;
      crc32: number | undefined;
      onActivity: () => void;
      onLeft?: ((leftBytes: number) => void) | undefined;
    },
  ) {
    const { layout, onActivity } = options;
    this.decodedLengthBytes = lengthBytes;
    this.layout = layout;
    this.#crc32 = options.crc32;
    this.encodedLengthBytes = layout.form === "trailer" ? encodedLength(lengthBytes, layout.chunkBytes) : lengthBytes;
    this.#onActivity = onActivity;
    this.#onLeft = options.onLeft;
  }

  /** CRC32 of the bytes; undefined until it is known, at `end` at the latest. */
  get crc32(): number | undefined {
    return this.#crc32;
  }

  /** Whether every byte that was written has left the socket's queue, so that nobody refers to them here any more. */
  get hasLeft(): boolean {
    return this.#leftBytes === this.#writtenBytes;
  }

  /** Whether every byte was handed to the request. */
  get isSent(): boolean {
    return this.#isEnded && this.#request !== undefined && !this.#isDetached;
  }

  /**
   * Headers that tell the layout of the body, for the request to be signed. The payload itself is not signed: S3 checks its
   * CRC32, and TLS protects it on its way.
   */
  toHeaders(): Record<string, string> {
    const length = { "content-length": String(this.encodedLengthBytes) };
    if (this.layout.form === "header") {
      const crc32 = toBase64Crc32(this.#crc32 as number);
      return { ...length, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-checksum-crc32": crc32 };
    }
    return {
      ...length,
      "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": String(this.decodedLengthBytes),
      "x-amz-trailer": "x-amz-checksum-crc32",
    };
  }

  /** Joins the HTTP request; called once by the sender. Bytes that were written before are sent now. */
  attach(request: ClientRequest): void {
    this.#request = request;
    this.flush();
    if (this.#isEnded) request.end();
  }

  /** Stops writing for good: the answer has come, or the request died. */
  detach(): void {
    this.#isDetached = true;
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  /** The next bytes, by reference. */
  write(bytes: Uint8Array): void {
    if (this.#isDetached || bytes.length === 0) return;
    this.#writtenBytes += bytes.length;
    if (this.layout.form === "trailer") this.#frame(bytes);
    else this.#push(bytes);
    if (this.#pendingBytes >= this.layout.corkBytes) this.flush();
  }

  /** All bytes are written. */
  end(crc32: number): void {
    if (this.#isDetached || this.#isEnded) return;
    this.#isEnded = true;
    this.#crc32 = crc32;
    if (this.layout.form === "trailer") {
      const close = this.#writtenBytes > 0 ? "\r\n" : "";
      this.#push(Buffer.from(`${close}0\r\nx-amz-checksum-crc32:${toBase64Crc32(crc32)}\r\n\r\n`, "latin1"));
    }
    this.flush();
    this.#request?.end();
  }

  /** Hands on the gathered bytes, by one writev. False when there are none, or no request yet. */
  flush(): boolean {
    const request = this.#request;
    if (request === undefined || this.#isDetached || this.#pending.length === 0) return false;
    const pending = this.#pending;
    const writtenBytes = this.#writtenBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    const last = pending.pop() as Uint8Array;
    request.cork();
    for (const bytes of pending) request.write(bytes);
    request.write(last, (error) => this.#noteLeft(writtenBytes, error));
    request.uncork();
    this.#onActivity();
    return true;
  }

  /** Cuts bytes into aws-chunks. With one chunk a body this is one comparison a call. */
  #frame(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#chunkRestBytes === 0) {
        const begun = this.#writtenBytes - rest.length;
        const remaining = this.decodedLengthBytes - begun;
        this.#chunkRestBytes = this.layout.chunkBytes > 0 ? Math.min(this.layout.chunkBytes, remaining) : remaining;
        if (begun > 0) this.#push(CRLF);
        this.#push(Buffer.from(`${this.#chunkRestBytes.toString(16)}\r\n`, "latin1"));
      }
      const piece = rest.length <= this.#chunkRestBytes ? rest : rest.subarray(0, this.#chunkRestBytes);
      this.#push(piece);
      this.#chunkRestBytes -= piece.length;
      rest = rest.subarray(piece.length);
    }
  }

  #push(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #noteLeft(leftBytes: number, error: Error | null | undefined): void {
    if (this.#isDetached) return;
    this.#onActivity();
    if (error) return;
    this.#leftBytes = leftBytes;
    this.#onLeft?.(leftBytes);
  }
}

/** Bytes on the wire of a body in the `trailer` form. */
function encodedLength(lengthBytes: number, chunkBytes: number): number {
  const trailer = "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n".length;
  const chunkFrame = (chunk: number) => chunk.toString(16).length + 4;
  if (lengthBytes === 0) return trailer;
  if (chunkBytes === 0) return chunkFrame(lengthBytes) + lengthBytes + trailer;
  const whole = Math.floor(lengthBytes / chunkBytes);
  const last = lengthBytes % chunkBytes;
  return whole * chunkFrame(chunkBytes) + (last > 0 ? chunkFrame(last) : 0) + lengthBytes + trailer;
}

/** A CRC32 as S3 writes it: base64 of four bytes, most significant first. */
export function toBase64Crc32(crc32: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32 >>> 0);
  return bytes.toString("base64");
}

/** A CRC32 from S3's base64; undefined for anything else (a composite checksum ends in "-N"). */
export function fromBase64Crc32(text: string | undefined): number | undefined {
  if (text === undefined || !/^[A-Za-z0-9+/]{6}==$/.test(text)) return undefined;
  return Buffer.from(text, "base64").readUInt32BE();
}
