import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientSessionOptions,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";

/** The answer to one request: its headers, its trailers (empty when there are none) and its whole body. */
export interface Http2Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Opens the session that all requests of one client share. `ca` is the certificate to trust under https. */
export async function connectHttp2(
  url: string,
  ca?: Buffer,
  options: ClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, ca === undefined ? options : { ...options, ca, minVersion: "TLSv1.3" });
  await once(session, "connect");
  return session;
}

/**
 * POSTs `writes` as fast as the peer's windows allow and resolves with the answer. The buffers of one entry go out
 * together. Rejects when the stream ends before its answer does.
 */
export async function uploadOverHttp2(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  writes: Iterable<readonly Buffer[]>,
): Promise<Http2Answer> {
  const stream = session.request({ ":method": "POST", ...headers }, { endStream: false });
  const ended = new AbortController();
  let answer: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  let failure: Error | undefined;
  const body: Buffer[] = [];
  stream.on("response", (received) => {
    answer = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", (piece: Buffer) => body.push(piece));
  stream.on("error", (error) => {
    failure = error;
  });
  const closed = once(stream, "close").then(() => ended.abort());
  try {
    for (const buffers of writes) {
      stream.cork();
      let wantsMore = true;
      for (const buffer of buffers) wantsMore = stream.write(buffer);
      stream.uncork();
      if (!wantsMore) await once(stream, "drain", { signal: ended.signal });
    }
    stream.end();
  } catch (error) {
    if (!ended.signal.aborted) throw error;
  }
  await closed;
  if (failure !== undefined) throw failure;
  return { headers: answer, trailers, body: Buffer.concat(body) };
}
