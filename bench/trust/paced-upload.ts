import { type ClientHttp2Session, constants } from "node:http2";
import { serviceToken } from "../sluice-service.ts";

/** An upload that goes on until it is told to end. */
export interface PacedUpload {
  /** Sends the end; resolves to whether the file was written. */
  end(): Promise<boolean>;
}

/** Bytes that an upload sends at a time, and the time between two of them, in milliseconds. */
const PIECE = Buffer.alloc(16 * 1024, 1);
const EVERY_MS = 200;

/** Begins to upload a file of unknown length over the connection. */
export function beginPacedUpload(session: ClientHttp2Session, path: string): PacedUpload {
  const stream = session.request({ ...withToken("PUT", path), "content-type": "application/octet-stream" });
  let status = 0;
  const closed = new Promise<void>((resolve) => stream.once("close", resolve));
  stream.on("error", () => undefined);
  stream.on("response", (headers) => {
    status = Number(headers[constants.HTTP2_HEADER_STATUS]);
  });
  stream.resume();
  const timer = setInterval(() => {
    if (!stream.destroyed) stream.write(PIECE);
  }, EVERY_MS);
  return {
    async end() {
      clearInterval(timer);
      if (!stream.destroyed) stream.end();
      await closed;
      return status >= 200 && status < 300;
    },
  };
}

/** Asks for the metadata of a file, and gives the call up after `afterMs`, or in the same moment with 0. */
export async function cancelCall(session: ClientHttp2Session, path: string, afterMs: number): Promise<void> {
  if (session.closed || session.destroyed) return;
  const stream = session.request(withToken("GET", path));
  const closed = new Promise<void>((resolve) => stream.once("close", resolve));
  stream.on("error", () => undefined);
  stream.resume();
  if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
  stream.close(constants.NGHTTP2_CANCEL);
  await closed;
}

function withToken(method: string, path: string) {
  return {
    ":method": method,
    ":path": `/v1/namespaces/default/files/${path}`,
    authorization: `Bearer ${serviceToken}`,
  };
}
