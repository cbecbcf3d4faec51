import type { ListenerLimits } from "../rpc/listener.ts";
import { answerJson, type NodeRequestListener } from "../rpc/node-messages.ts";

/** Limits of a listener in a test. */
export const TEST_LISTENER_LIMITS: ListenerLimits = {
  connectionsMax: 100,
  handshakeTimeoutMs: 5000,
  windowStartBytes: 256 * 1024,
  streamWindowBytes: 1024 * 1024,
  sessionWindowBytes: 8 * 1024 * 1024,
  windowsGrownMaxBytes: 16 * 1024 * 1024,
  streamsMax: 100,
  headersMaxBytes: 32_768,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
};

/** Says which protocol the request came by. */
export const answerVersion: NodeRequestListener = (request, response) =>
  answerJson(request, response, { status: 200, body: { version: request.httpVersion } });
