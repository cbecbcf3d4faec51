import type { ClientHttp2Session } from "node:http2";
import { messagesOf } from "./grpc-frame.ts";
import { uploadOverHttp2 } from "./http2-upload.ts";

/**
 * Sends one client-streaming (or bidirectional) gRPC call whose messages are already framed, and resolves with the answer's
 * encoded messages. Rejects with the server's own message when the status is not OK.
 */
export async function callGrpc(
  session: ClientHttp2Session,
  { path, headers = {} }: { path: string; headers?: Record<string, string> },
  writes: Iterable<readonly Buffer[]>,
): Promise<Buffer[]> {
  const sent = { ":path": path, te: "trailers", "content-type": "application/grpc+proto", ...headers };
  const answer = await uploadOverHttp2(session, sent, writes);
  // A call that fails at once has its status in the headers ("Trailers-Only").
  const status = answer.trailers["grpc-status"] ?? answer.headers["grpc-status"];
  if (status !== "0") {
    const words = String(answer.trailers["grpc-message"] ?? answer.headers["grpc-message"]);
    throw new Error(`${path}: HTTP ${answer.headers[":status"]}, gRPC status ${status}: ${decodeURIComponent(words)}`);
  }
  return [...messagesOf(answer.body)];
}
