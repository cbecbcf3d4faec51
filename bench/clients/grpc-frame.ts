/** Bytes before every gRPC message: a compression flag and a length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5;

/**
 * Makes the bytes that go before `data` on the wire when `data` is the last field of an uncompressed message: the gRPC prefix
 * and the encoded `head` of the message. So the data itself is not copied into a message.
 */
export function frameBefore(head: Uint8Array, data: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + head.length);
  frame[0] = 0;
  frame.writeUInt32BE(head.length + data.length, 1);
  frame.set(head, prefixBytes);
  return frame;
}

/** The messages in the body of a gRPC answer. */
export function* messagesOf(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; ) {
    const end = at + prefixBytes + body.readUInt32BE(at + 1);
    yield body.subarray(at + prefixBytes, end);
    at = end;
  }
}
