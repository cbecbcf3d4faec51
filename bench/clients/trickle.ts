import { once } from "node:events";
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { messagesOf } from "./grpc-frame.ts";
import { assertCommitted, chunkFrame, finishFrame, startFrame, WRITE_UPLOAD_PATH } from "./write-upload-frames.ts";

/** Bytes that one drip sends. */
const dripBytes = 1024;
/** Bytes of a chunk when the rest is sent. */
const restChunkBytes = 256 * 1024;

/** An upload that stays open and sends little. */
export interface Trickle {
  /** Sends a KiB, unless the previous one is still waiting to leave. */
  drip(): void;
  /**
   * Sends the rest of a declared size, ends the stream, and resolves once the file is committed. Rejects with the server's
   * message.
   */
  finish(): Promise<void>;
}

/** Begins an upload over a session of its own. When the service is told no size, it keeps room for whole parts. */
export function openTrickle(
  session: ClientHttp2Session,
  options: { headers: Record<string, string>; payload: Buffer; sizeBytes: number | undefined },
): Trickle {
  const { payload, sizeBytes } = options;
  const stream = session.request({
    ":method": "POST",
    ":path": WRITE_UPLOAD_PATH,
    te: "trailers",
    "content-type": "application/grpc+proto",
    ...options.headers,
  });
  const body: Buffer[] = [];
  let status: IncomingHttpHeaders = {};
  stream.on("response", (received) => {
    status = { ...status, ...received };
  });
  stream.on("trailers", (received) => {
    status = { ...status, ...received };
  });
  stream.on("data", (bytes: Buffer) => body.push(bytes));
  stream.on("error", () => {});
  const closed = once(stream, "close");
  let offset = 0;
  const send = (lengthBytes: number) => {
    const data = payload.subarray(offset, offset + lengthBytes);
    stream.cork();
    stream.write(chunkFrame({ offset }, data));
    const wantsMore = stream.write(data);
    stream.uncork();
    offset += data.length;
    return wantsMore;
  };
  stream.write(startFrame(sizeBytes));
  return {
    drip() {
      if (stream.writable && stream.writableLength === 0 && offset + dripBytes <= (sizeBytes ?? payload.length)) {
        send(dripBytes);
      }
    },
    async finish() {
      while (stream.writable && offset < (sizeBytes ?? 0)) {
        const wantsMore = send(Math.min(restChunkBytes, sizeBytes! - offset));
        if (!wantsMore) await Promise.race([once(stream, "drain"), closed]);
      }
      stream.end(finishFrame(offset));
      await closed;
      session.destroy();
      const { "grpc-status": code, "grpc-message": words } = status;
      if (code !== "0") throw new Error(`gRPC status ${code}: ${decodeURIComponent(String(words))}`);
      assertCommitted([...messagesOf(Buffer.concat(body))].at(-1), offset);
    },
  };
}
