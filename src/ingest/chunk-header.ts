import type { ChunkHeader } from "../transfer/chunk-rules.ts";

/** Most bytes that can stand before a chunk's data: tags, lengths, offset and crc32. */
export const CHUNK_HEADER_MAX_BYTES = 1 + 5 + 1 + 10 + 1 + 4 + 1 + 5;

/** Tags (field number << 3 | wire type) of WriteUploadRequest.chunk and of WriteUploadChunk's fields. */
const CHUNK_TAG = (2 << 3) | 2;
const OFFSET_TAG = (1 << 3) | 0;
const CRC32_TAG = (2 << 3) | 5;
const DATA_TAG = (3 << 3) | 2;

/**
 * Reads the head of a WriteUploadRequest that holds nothing but a chunk whose fields stand in order and whose data ends
 * with the message. Every protobuf library writes it so. `head` has at least CHUNK_HEADER_MAX_BYTES bytes. Undefined for any
 * other message, which is then left to protobuf.
 */
export function parseChunkHeader(
  head: Uint8Array,
  messageBytes: number,
): (ChunkHeader & { headerBytes: number }) | undefined {
  const cursor = { at: 0 };
  if (head[cursor.at++] !== CHUNK_TAG) return undefined;
  if (readVarint(head, cursor) !== messageBytes - cursor.at) return undefined;
  let offset = 0;
  if (head[cursor.at] === OFFSET_TAG) {
    cursor.at++;
    const value = readVarint(head, cursor);
    if (value === undefined) return undefined;
    offset = value;
  }
  let crc32: number | undefined;
  if (head[cursor.at] === CRC32_TAG) {
    crc32 = new DataView(head.buffer, head.byteOffset).getUint32(cursor.at + 1, true);
    cursor.at += 5;
  }
  if (head[cursor.at++] !== DATA_TAG) return undefined;
  const lengthBytes = readVarint(head, cursor);
  if (lengthBytes === undefined || lengthBytes !== messageBytes - cursor.at) return undefined;
  return { offset, crc32, lengthBytes, headerBytes: cursor.at };
}

/** A protobuf varint below 2^53; undefined for a longer one. */
function readVarint(bytes: Uint8Array, cursor: { at: number }): number | undefined {
  let value = 0;
  for (let scale = 1; scale < 2 ** 53; scale *= 128) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
  }
  return undefined;
}
