/**
 * Reads WriteUploadRequest messages from the pieces of a gRPC stream as they arrive, without collecting a chunk first.
 *
 * A gRPC message is one byte of flags, four bytes of length, and the message (grpc.io "gRPC over HTTP2"). The bytes of
 * a chunk are handed on in the buffers they came in: of a chunk only the few bytes before its data are looked at
 * (protobuf writes fields in the order of their numbers, so offset and crc32 come first). Any other message, and a
 * chunk written in another order, is collected whole and left to protobuf; it is bounded by the largest message.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { type WriteUploadRequest, WriteUploadRequestSchema } from "../../gen/sluice/v1/upload_service_pb.ts";
import { DomainError } from "../domain/errors.ts";
import type { ChunkHeader } from "../transfer/chunk-rules.ts";
import type { ChunkWriter } from "../transfer/upload-writer.ts";
import { CHUNK_HEADER_MAX_BYTES, parseChunkHeader } from "./chunk-header.ts";
import { toChunkHeader } from "./write-messages.ts";

/** What the parser tells of the stream. What these throw, and what a chunk's writer throws, `feed` throws. */
export interface ParserEvents {
  /** A start or finish. False: nothing more is read until `resume`. */
  onMessage: (message: WriteUploadRequest) => boolean;
  /** The result takes the chunk's bytes. Where it takes fewer than it is offered, the rest waits for `resume`. */
  onChunk: (header: ChunkHeader) => ChunkWriter;
}

const PREFIX_BYTES = 5;
const EMPTY = new Uint8Array(0);

/**
 * One stream's parser: `feed` takes what arrives, ParserEvents tell what it was. Throws `invalid_argument /
 * MESSAGE_MALFORMED` or `resource_exhausted / MESSAGE_TOO_LARGE`, and is of no use after.
 */
export class WriteUploadParser {
  readonly #events: ParserEvents;
  readonly #messageMaxBytes: number;
  readonly #onHeader: ((header: Uint8Array) => void) | undefined;
  /** Input that has not been read, while a message or bytes have not been taken. */
  #rest: Uint8Array = EMPTY;
  /** Pieces of a prefix, of a chunk's header or of a collected message, some of which are still to come. */
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  /** Prefix of the message that is being read. */
  #prefix: Uint8Array = EMPTY;
  /** Length of the message that is being read; undefined between messages. */
  #messageBytes: number | undefined;
  #isCollecting = false;
  #chunk: ChunkWriter | undefined;
  /** Bytes of the open chunk's data still to come from the wire. */
  #chunkRestBytes: number | undefined;
  /** Data of a chunk that was collected whole, still to be taken. */
  #collected: Uint8Array = EMPTY;
  #isBlocked = false;
  #isBroken = false;

  /**
   * `messageMaxBytes`: largest message, without its prefix. `onHeader` gets the bytes that stood before the data of a chunk, where
   * they came in one buffer: they have been read, and nothing refers to them any more.
   */
  constructor(
    events: ParserEvents,
    options: { messageMaxBytes: number; onHeader?: ((header: Uint8Array) => void) | undefined },
  ) {
    this.#events = events;
    this.#messageMaxBytes = options.messageMaxBytes;
    this.#onHeader = options.onHeader;
  }

  /** Whether a message has begun and not ended. */
  get isMidMessage(): boolean {
    return this.#messageBytes !== undefined || this.#partialBytes > 0;
  }

  /** Whether input waits for `resume`. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** The next bytes of the stream. False: not all of them were taken; feed no more until `resume` returns true. */
  feed(bytes: Uint8Array): boolean {
    // After an error it is not known where the next message begins.
    if (this.#isBroken) return false;
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    return this.#isBlocked ? false : this.#run();
  }

  /** Goes on after a wait. True: everything fed so far was read. */
  resume(): boolean {
    if (this.#isBroken) return false;
    this.#isBlocked = false;
    return this.#run();
  }

  #run(): boolean {
    try {
      return this.#readAll();
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }

  #readAll(): boolean {
    while (!this.#isBlocked) {
      if (this.#chunkRestBytes !== undefined) {
        if (!this.#readChunkData()) return !this.#isBlocked;
      } else if (this.#messageBytes === undefined) {
        if (!this.#readPrefix()) return true;
      } else if (!this.#readMessage(this.#messageBytes)) return true;
    }
    return false;
  }

  /** Hands data of the open chunk on. False: more input or a resume is needed. */
  #readChunkData(): boolean {
    const chunk = this.#chunk as ChunkWriter;
    if (this.#collected.length > 0) {
      this.#collected = this.#collected.subarray(chunk.write(this.#collected));
      this.#isBlocked = this.#collected.length > 0;
      if (this.#isBlocked) return false;
    }
    const wanted = this.#chunkRestBytes as number;
    if (wanted > 0) {
      if (this.#rest.length === 0) return false;
      const bytes = this.#rest.length <= wanted ? this.#rest : this.#rest.subarray(0, wanted);
      const taken = chunk.write(bytes);
      this.#rest = taken === this.#rest.length ? EMPTY : this.#rest.subarray(taken);
      this.#chunkRestBytes = wanted - taken;
      this.#isBlocked = taken < bytes.length;
      if (this.#isBlocked || this.#chunkRestBytes > 0) return false;
    }
    this.#chunkRestBytes = undefined;
    this.#messageBytes = undefined;
    chunk.endChunk();
    return true;
  }

  #readPrefix(): boolean {
    const prefix = this.#gather(PREFIX_BYTES);
    if (prefix === undefined) return false;
    this.#prefix = prefix;
    const flags = prefix[0] as number;
    if (flags !== 0) throw toMalformed(toFlagsProblem(flags));
    const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
    const messageBytes = view.getUint32(1);
    if (messageBytes > this.#messageMaxBytes) {
      const message = `a message has ${messageBytes} bytes; the limit is ${this.#messageMaxBytes}`;
      throw new DomainError("resource_exhausted", message, {
        reason: "MESSAGE_TOO_LARGE",
        details: { message_bytes: messageBytes, message_bytes_max: this.#messageMaxBytes },
      });
    }
    this.#messageBytes = messageBytes;
    this.#isCollecting = messageBytes <= CHUNK_HEADER_MAX_BYTES;
    return true;
  }

  /** Reads a chunk's header, or a whole other message. False: more input is needed. */
  #readMessage(messageBytes: number): boolean {
    if (!this.#isCollecting) {
      const head = this.#gather(CHUNK_HEADER_MAX_BYTES);
      if (head === undefined) return false;
      const chunk = parseChunkHeader(head, messageBytes);
      this.#unread(chunk === undefined ? head : head.subarray(chunk.headerBytes));
      if (chunk !== undefined) {
        this.#tellHeader(head, chunk.headerBytes);
        this.#chunkRestBytes = chunk.lengthBytes;
        this.#chunk = this.#events.onChunk(chunk);
        return true;
      }
      this.#isCollecting = true;
    }
    const bytes = this.#gather(messageBytes);
    if (bytes === undefined) return false;
    this.#readCollected(bytes);
    return true;
  }

  #readCollected(bytes: Uint8Array): void {
    const message = decode(bytes);
    if (message.message.case === "chunk") {
      const chunk = message.message.value;
      this.#collected = chunk.data;
      this.#chunkRestBytes = 0;
      this.#chunk = this.#events.onChunk(toChunkHeader(chunk));
      return;
    }
    this.#messageBytes = undefined;
    this.#isBlocked = !this.#events.onMessage(message);
  }

  /** The next `lengthBytes` of input in one piece, without a copy when one buffer holds them; undefined until they are there. */
  #gather(lengthBytes: number): Uint8Array | undefined {
    const missing = lengthBytes - this.#partialBytes;
    const piece = this.#rest.subarray(0, missing);
    // An empty view of what was read would be a view of memory that is given back with the header.
    this.#rest = piece.length === this.#rest.length ? EMPTY : this.#rest.subarray(piece.length);
    if (this.#partialBytes === 0 && piece.length === lengthBytes) return piece;
    if (piece.length > 0) this.#partial.push(piece);
    this.#partialBytes += piece.length;
    if (this.#partialBytes < lengthBytes) return undefined;
    const whole = Buffer.concat(this.#partial, lengthBytes);
    this.#partial = [];
    this.#partialBytes = 0;
    return whole;
  }

  #tellHeader(head: Uint8Array, headerBytes: number): void {
    const { buffer, byteOffset, length } = this.#prefix;
    this.#prefix = EMPTY;
    const adjoins = head.buffer === buffer && head.byteOffset === byteOffset + length;
    if (adjoins) this.#onHeader?.(new Uint8Array(buffer, byteOffset, length + headerBytes));
  }

  /** Puts bytes that were gathered too early back before the input: by reference where they still adjoin it. */
  #unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { buffer, byteOffset, length } = this.#rest;
    const adjoins = bytes.buffer === buffer && bytes.byteOffset + bytes.length === byteOffset;
    if (adjoins) this.#rest = new Uint8Array(buffer, bytes.byteOffset, bytes.length + length);
    // A header cut in two by the wire: at most a few dozen bytes are copied, before one buffer of input.
    else this.#rest = length === 0 ? bytes : Buffer.concat([bytes, this.#rest]);
  }
}

function decode(bytes: Uint8Array): WriteUploadRequest {
  try {
    return fromBinary(WriteUploadRequestSchema, bytes, { readUnknownFields: false });
  } catch {
    // The reason is of use to the caller alone, who has it in the client: the operator can mend nothing.
    throw toMalformed("a message is not a WriteUploadRequest; generate the client from the proto");
  }
}

function toFlagsProblem(flags: number): string {
  if (flags === 1) return "a message is compressed, but the call named no grpc-encoding; send it uncompressed";
  return `a message has the flags ${flags}; gRPC knows 0 and 1`;
}

function toMalformed(message: string): DomainError {
  return new DomainError("invalid_argument", message, { reason: "MESSAGE_MALFORMED" });
}
