/** Length of gRPC's prefix: one byte of flags, four of length, big-endian. */
const PREFIX_BYTES = 5;

/** Largest answer that is accepted, in bytes: `started` with 10,000 ranges is far smaller. */
const ANSWER_MAX_BYTES = 4 * 2 ** 20;

/** A protobuf message in its gRPC frame. */
export function encodeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/**
 * Everything in a `WriteUploadRequest { chunk }` frame that comes before its data, so that the data is written from its own
 * buffer, without a copy: the gRPC prefix, then the fields `chunk` (2), `offset` (1), `crc32` (2) and the head of `data` (3),
 * as proto/sluice/v1/upload_service.proto numbers them. `offset` is at most 2^53 - 1.
 */
export function encodeChunkHead(chunk: { offset: number; crc32: number; sizeBytes: number }): Buffer {
  const offsetBytes = varintSize(chunk.offset);
  const bodyBytes = 1 + offsetBytes + 5 + 1 + varintSize(chunk.sizeBytes) + chunk.sizeBytes;
  const messageBytes = 1 + varintSize(bodyBytes) + bodyBytes;
  const head = Buffer.allocUnsafe(PREFIX_BYTES + messageBytes - chunk.sizeBytes);
  head[0] = 0;
  head.writeUInt32BE(messageBytes, 1);
  let at = PREFIX_BYTES;
  head[at++] = 0x12; // chunk = 2, length-delimited
  at = writeVarint(head, bodyBytes, at);
  head[at++] = 0x08; // offset = 1, varint
  at = writeVarint(head, chunk.offset, at);
  head[at++] = 0x15; // crc32 = 2, fixed32
  at = head.writeUInt32LE(chunk.crc32, at);
  head[at++] = 0x1a; // data = 3, length-delimited
  writeVarint(head, chunk.sizeBytes, at);
  return head;
}

/**
 * Reads gRPC frames out of the buffers of an answer and hands each message to `onMessage`. Throws an error for data that no
 * gRPC server sends: a compressed message that was not asked for, or one of more than 4 MiB.
 */
export function createFrameReader(onMessage: (message: Uint8Array) => void): (bytes: Uint8Array) => void {
  let pending: Buffer = Buffer.alloc(0);
  return (bytes) => {
    pending = pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([pending, bytes]);
    while (pending.length >= PREFIX_BYTES) {
      const sizeBytes = pending.readUInt32BE(1);
      if (pending[0] !== 0)
        throw new Error(`a message has the flags ${pending[0]}; only uncompressed ones were asked for`);
      if (sizeBytes > ANSWER_MAX_BYTES) {
        throw new Error(`a message has ${sizeBytes} bytes; the limit is ${ANSWER_MAX_BYTES}`);
      }
      if (pending.length < PREFIX_BYTES + sizeBytes) return;
      const message = pending.subarray(PREFIX_BYTES, PREFIX_BYTES + sizeBytes);
      pending = pending.subarray(PREFIX_BYTES + sizeBytes);
      onMessage(message);
    }
  };
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Values exceed 32 bits, so the groups are computed by division. Returns the index of the next byte. */
function writeVarint(target: Buffer, value: number, at: number): number {
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[at++] = rest;
  return at;
}
