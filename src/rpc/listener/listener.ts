import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { CallTurns } from "./call-turns.ts";
import { ConnectionCap } from "./connection-cap.ts";
import { createPlaintextServer, createTlsServer, type TlsOptions, takeConnections } from "./http-servers.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import type { NodeRequestListener } from "./node-messages.ts";
import { WastedCalls } from "./wasted-calls.ts";

/** Options of `listen`: where and how it listens. */
export interface ListenOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  /** TLS 1.3 only, with HTTP/2 and 1.1 by ALPN. Plaintext when undefined. */
  tls: TlsOptions | undefined;
  onRequest: NodeRequestListener;
  /** Called with errors of the port itself, for instance too many open files. Errors of single connections are not among them. */
  onError: (error: Error) => void;
  limits: ListenerLimits;
}

/** An open port. */
export interface Listener {
  port: number;
  /** A URL at which a client on this machine reaches the port, for instance "http://127.0.0.1:8080". */
  url: string;
  /**
   * Serves new handshakes by another certificate; open streams go on. Authorities of callers that are others than before end
   * the connections that the old ones let in, each with its open calls. Throws when these cannot be used, and changes nothing.
   * Undefined on a plaintext port.
   */
  renewTls: ((tls: TlsOptions) => void) | undefined;
  /**
   * Stops accepting, sends GOAWAY on every HTTP/2 connection, and resolves when the open requests have ended. Requests that
   * last beyond `graceMs` are cut. It may be called again: a shorter grace takes effect.
   */
  close(options: { graceMs: number }): Promise<void>;
}

/**
 * Idle time after which a connection's peer is first asked whether it is still there, in milliseconds. Load balancers forget
 * connections after 60 s.
 */
const KEEP_ALIVE_DELAY_MS = 30_000;
/**
 * The channel on which Node says that a stream's answer has begun: nodejs.org/api/diagnostics_channel.html,
 * http2.server.stream.finish.
 */
const ANSWER_CHANNEL = "http2.server.stream.finish";
/**
 * Listens on one port for gRPC, gRPC-web, Connect and plain HTTP. Plaintext connections are told apart by their first bytes,
 * TLS connections by ALPN. Rejects when it cannot have the port. An error of a single connection ends only that connection.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const turns = new CallTurns({ ...options.limits, callsWaitingMax: options.limits.streamsMax });
  // An address that may stand for many callers is not judged by the actions of one of them.
  const wasted = options.limits.connectionsPerAddressMax === undefined ? undefined : new WastedCalls();
  const served = { ...options, sessions, turns, wasted };
  const { tls } = options;
  const { server, renew } =
    tls === undefined ? { server: createPlaintextServer(served) } : createTlsServer({ ...served, tls });
  // Node has only this sign that the head of an answer has gone out.
  const onAnswer = (message: unknown) => turns.leave((message as { stream: ServerHttp2Stream }).stream);
  subscribe(ANSWER_CHANNEL, onAnswer);
  const cap = new ConnectionCap(options.limits, { wasted });
  const serveConnection = takeConnections(server);
  server.on("connection", (socket: Socket) => {
    // The peer or the network causes errors of a connection; each protocol's server answers them.
    socket.on("error", () => socket.destroy());
    // This is not `maxConnections`: when a worker refuses by that, node:cluster hands the connection on to the next worker,
    // for ever.
    if (!cap.admit(socket)) return;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.once("close", () => sockets.delete(socket));
    serveConnection(socket);
  });
  server.listen({ host: options.host, port: options.port });
  await once(server, "listening");
  server.on("error", options.onError);
  const { port } = server.address() as AddressInfo;
  const closed = once(server, "close").then(() => void unsubscribe(ANSWER_CHANNEL, onAnswer));
  return {
    port,
    url: toUrl(options, port),
    renewTls: renew,
    close: async ({ graceMs }) => {
      if (server.listening) server.close();
      for (const session of sessions) session.close();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

function toUrl({ host, tls }: ListenOptions, port: number): string {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `${tls === undefined ? "http" : "https"}://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
