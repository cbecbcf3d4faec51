import { gunzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import { currentArrival } from "./message-arrival.ts";

/**
 * gzip for the messages of calls. The size of a message is bounded while it inflates, and counted as part of the call that is
 * being served. Inflating is synchronous and not on a thread: only one message inflates at a time, for about a millisecond
 * per MiB, so many messages that come together hold no memory that nothing counts.
 */
export const countedGzip: Compression = {
  name: "gzip",
  compress: compressionGzip.compress,
  decompress: async (bytes, readMaxBytes) => {
    const inflated = bytes.length === 0 ? new Uint8Array(0) : inflate(bytes, readMaxBytes);
    currentArrival().noteInflated(inflated.length);
    return inflated;
  },
};

function inflate(bytes: Uint8Array, maxOutputLength: number): Uint8Array<ArrayBuffer> {
  try {
    return gunzipSync(bytes, { maxOutputLength });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") {
      throw new ConnectError("the message is no gzip; send it as its headers say", Code.InvalidArgument);
    }
    const message = `the message has more than ${maxOutputLength} bytes after decompression`;
    throw new ConnectError(message, Code.ResourceExhausted);
  }
}
