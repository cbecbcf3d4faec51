import type { ListenerLimits } from "../../../rpc/listener/listener-limits.ts";
import { answerJson, type NodeRequestListener } from "../../../rpc/listener/node-messages.ts";

/** Limits of a listener in a test, none of them Node's own: headers of more than these pass its limit for HTTP/1.1, which is 16 KiB. */
export const TEST_LISTENER_LIMITS: ListenerLimits = {
  connectionsMax: 100,
  connectionsPerAddressMax: 50,
  handshakeTimeoutMs: 5000,
  idleTimeoutMs: 60_000,
  windowStartBytes: 256 * 1024,
  streamWindowBytes: 1024 * 1024,
  sessionWindowBytes: 4 * 1024 * 1024,
  windowsGrownMaxBytes: 16 * 1024 * 1024,
  streamsMax: 7,
  callsBegunMax: 5,
  callHoldMs: 5000,
  headersMaxBytes: 8192,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 60_000,
};

/** Says which protocol the request came by. */
export const answerVersion: NodeRequestListener = (request, response) =>
  answerJson(request, response, { status: 200, body: { version: request.httpVersion } });
