import { S3Error } from "./s3-error.ts";

/*
 * The aws-chunked content encoding without chunk signatures (STREAMING-UNSIGNED-PAYLOAD-TRAILER):
 *
 *   <hex size>\r\n <bytes> \r\n  ...  0\r\n  <name>:<value>\r\n  ...  \r\n
 *
 * The payload is handed on as slices of what arrived; only chunk headers and trailers are ever copied.
 * S3 refuses a chunk under 8 KiB that is not the last, and so does this decoder.
 */

const CHUNK_SIZE_MIN_BYTES = 8192;
const LINE_MAX_BYTES = 8192;
const CR = 13;
const LF = 10;

type State = "size" | "payload" | "payload-end" | "trailer" | "done";

/** Decodes one aws-chunked body, in whatever pieces it arrives. One instance per body. */
export class AwsChunkedDecoder {
  /** The trailers, names in lower case; complete once `finished` is true. */
  readonly trailers: Map<string, string> = new Map();
  #state: State = "size";
  #line = "";
  #remaining = 0;
  #lastChunkSize = CHUNK_SIZE_MIN_BYTES;
  #chunk = 0;

  /** Whether the empty line after the trailers has been seen. */
  get finished(): boolean {
    return this.#state === "done";
  }

  /**
   * Takes the next piece of the body and hands every run of payload bytes in it to `emit`, as slices of `piece`.
   * @throws S3Error `IncompleteBody` on wrong framing, `InvalidChunkSizeError` on a short chunk before the last.
   */
  push(piece: Buffer, emit: (slice: Buffer) => void): void {
    let offset = 0;
    while (offset < piece.length) {
      if (this.#state === "payload") {
        const end = Math.min(piece.length, offset + this.#remaining);
        emit(offset === 0 && end === piece.length ? piece : piece.subarray(offset, end));
        this.#remaining -= end - offset;
        offset = end;
        if (this.#remaining === 0) this.#state = "payload-end";
      } else {
        offset = this.#takeLine(piece, offset);
      }
    }
  }

  #takeLine(piece: Buffer, offset: number): number {
    if (this.#state === "done") throw badFraming("bytes follow the end of the body");
    const lineFeed = piece.indexOf(LF, offset);
    const end = lineFeed === -1 ? piece.length : lineFeed + 1;
    if (this.#line.length + end - offset > LINE_MAX_BYTES) throw badFraming("a line is too long");
    this.#line += piece.toString("latin1", offset, end);
    if (lineFeed === -1) return end;
    const line = this.#line;
    this.#line = "";
    if (line.length < 2 || line.charCodeAt(line.length - 2) !== CR) throw badFraming("a line does not end in CR LF");
    this.#acceptLine(line.slice(0, -2));
    return end;
  }

  #acceptLine(line: string): void {
    if (this.#state === "payload-end") {
      if (line !== "") throw badFraming("a chunk is longer than its declared size");
      this.#state = "size";
    } else if (this.#state === "size") {
      this.#beginChunk(line);
    } else if (line === "") {
      this.#state = "done";
    } else {
      const colon = line.indexOf(":");
      if (colon < 1) throw badFraming("a trailer has no name");
      this.trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
  }

  #beginChunk(line: string): void {
    const size = line.split(";", 1)[0] ?? "";
    if (!/^[0-9a-f]{1,13}$/i.test(size)) throw badFraming("a chunk size is not hexadecimal");
    this.#remaining = Number.parseInt(size, 16);
    if (this.#remaining > 0 && this.#lastChunkSize < CHUNK_SIZE_MIN_BYTES) {
      throw new S3Error(
        "InvalidChunkSizeError",
        `Only the last chunk is allowed to have a size less than ${CHUNK_SIZE_MIN_BYTES} bytes`,
        { Chunk: String(this.#chunk), BadChunkSize: String(this.#lastChunkSize) },
      );
    }
    this.#chunk += 1;
    this.#lastChunkSize = this.#remaining;
    this.#state = this.#remaining === 0 ? "trailer" : "payload";
  }
}

function badFraming(reason: string): S3Error {
  return new S3Error("IncompleteBody", `The request body terminated unexpectedly: ${reason}`);
}
