import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type EventEmitter, once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import {
  constants,
  createServer as createHttp2Server,
  createSecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { toNetwork } from "../../domain/limits/address-network.ts";
import { limitBody } from "./body-time.ts";
import { CallTurns, type TurnLimits } from "./call-turns.ts";
import { ConnectionCap, type ConnectionLimits } from "./connection-cap.ts";
import type { NodeRequest, NodeRequestListener, NodeResponse } from "./node-messages.ts";
import { routeByPreface } from "./preface.ts";
import { joinRepeatedAuthorization } from "./repeated-authorization.ts";
import { refuseTwoHosts } from "./request-host.ts";
import { setSecurityHeaders } from "./security-headers.ts";
import { SessionLife, type SessionLimits } from "./session-life.ts";
import { SessionWindows } from "./session-windows.ts";
import { WastedCalls } from "./wasted-calls.ts";

/** Limits of the listener. All are passed to Node explicitly. Connections over the bound are reset as they arrive. */
export interface ListenerLimits extends ConnectionLimits, SessionLimits, Omit<TurnLimits, "callsWaitingMax"> {
  /**
   * Time for a plaintext connection to show its protocol, for a TLS connection to shake hands, and for an HTTP/2 connection
   * to send its settings, in milliseconds. A connection that was told to go away gets the same time to go.
   */
  handshakeTimeoutMs: number;
  /** How long a connection of either protocol may stay without a call, in milliseconds. */
  idleTimeoutMs: number;
  /** Bytes that a caller may at first send ahead on one HTTP/2 stream. A distant caller needs more. */
  windowStartBytes: number;
  /** Bytes that this window may grow to when the distance needs it. */
  streamWindowBytes: number;
  /** Bytes that a caller may send ahead on all streams of a connection together; not less than the stream window. */
  sessionWindowBytes: number;
  /** Bytes that the windows of all connections together may grow beyond their start. */
  windowsGrownMaxBytes: number;
  /** HTTP/2 streams open at once on a connection, and HTTP/1.1 requests that wait on one. */
  streamsMax: number;
  /** Headers of one request, in bytes. */
  headersMaxBytes: number;
  /** Time for the headers of an HTTP/1.1 request, in milliseconds. */
  headersTimeoutMs: number;
  /**
   * Time for the body of an HTTP/1.1 request, in milliseconds. The body of a PUT may be a file and only must not stall; its
   * time counts from an answer that refuses it.
   */
  requestTimeoutMs: number;
}

/** Options of `listen`: where and how it listens. */
export interface ListenOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  /** PEM certificate chain and key: TLS 1.3 only, with HTTP/2 and 1.1 by ALPN. Plaintext when undefined. */
  tls: { cert: string | Buffer; key: string | Buffer } | undefined;
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
/** A connection that brings no byte for this long gives back the growth of its windows, in milliseconds. */
const WINDOW_IDLE_MS = 5000;
/**
 * The channel on which Node says that a stream's answer has begun: nodejs.org/api/diagnostics_channel.html,
 * http2.server.stream.finish.
 */
const ANSWER_CHANNEL = "http2.server.stream.finish";
/**
 * Memory that Node may use for one HTTP/2 connection, in MB. With its default of 10, a few downloads that wait for a slow
 * caller would make it refuse new streams.
 */
const SESSION_MEMORY_MAX_MB = 64;
/**
 * Streams of one connection that its caller may reset at once, and in each further second. A connection with more resets is
 * ended (CVE-2023-44487). These are nghttp2's own values.
 */
const STREAM_RESETS = { burst: 1000, perSecond: 33 };

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
  const server = options.tls === undefined ? createPlaintextServer(served) : createTlsServer(served);
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

/** The options that the servers of both protocols work with. */
interface ServeOptions extends Pick<ListenOptions, "tls" | "onRequest" | "limits"> {
  sessions: Set<ServerHttp2Session>;
  turns: CallTurns;
  wasted: WastedCalls | undefined;
}

function createTlsServer(options: ServeOptions): Server {
  const server = createSecureServer({
    ...toHttp2Options(options.limits),
    ...toHttp1Options(options.limits),
    cert: options.tls?.cert,
    key: options.tls?.key,
    minVersion: "TLSv1.3",
    allowHTTP1: true,
    handshakeTimeout: options.limits.handshakeTimeoutMs,
  });
  serveHttp2(server, options);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

/**
 * The HTTP/1.1 server owns the port, so that it keeps account of its connections (header timeouts, idle ones at close).
 * Connections that begin with HTTP/2's preface are handed to an HTTP/2 server that listens nowhere.
 */
function createPlaintextServer(options: ServeOptions): Server {
  const http1 = createHttp1Server(toHttp1Options(options.limits));
  onRequests(http1, options);
  const http2 = createHttp2Server(toHttp2Options(options.limits));
  serveHttp2(http2, options);
  const serveHttp1 = takeConnections(http1);
  http1.on("connection", (socket: Socket) => {
    routeByPreface(socket, {
      timeoutMs: options.limits.handshakeTimeoutMs,
      onHttp1: () => serveHttp1(socket),
      onHttp2: () => http2.emit("connection", socket),
    });
  });
  return http1;
}

/** Takes a server's connections from it. The result hands a connection back to the server. */
function takeConnections(server: Server): (socket: Socket) => void {
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  return (socket) => {
    for (const serve of listeners) serve.call(server, socket);
  };
}

function serveHttp2(server: Pick<Http2Server, "on">, options: ServeOptions): void {
  const { limits, sessions, wasted } = options;
  const windowLimits = {
    startBytes: Math.min(limits.windowStartBytes, limits.streamWindowBytes),
    streamMaxBytes: limits.streamWindowBytes,
    sessionMaxBytes: limits.sessionWindowBytes,
    grownMaxBytes: limits.windowsGrownMaxBytes,
    idleMs: WINDOW_IDLE_MS,
  };
  const windows = new SessionWindows(windowLimits);
  const lives = new WeakMap<ServerHttp2Session, SessionLife>();
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    windows.add(session);
    lives.set(session, new SessionLife(session, limits));
    const network = toNetwork(session.socket.remoteAddress ?? "");
    const end = () => session.destroy();
    wasted?.watch(session, { network, end });
    session.on("stream", (stream: ServerHttp2Stream) => {
      const isGivenUp = stream.closed || stream.destroyed;
      if (isGivenUp && wasted?.note(network) === false) end();
    });
  });
  onRequests(server, {
    ...options,
    onStream: (stream, session) => {
      const life = lives.get(session);
      windows.streamOpened(session);
      life?.streamOpened();
      stream.once("close", () => {
        windows.streamClosed(session);
        life?.streamClosed();
      });
    },
  });
  // The session destroys itself; without a listener its error would end the process.
  server.on("sessionError", () => {});
}

/**
 * Hands requests on when it is their connection's turn. A caller that waits for permission to send its body (`Expect:
 * 100-continue`) gets it then. PUT is the exception: its body may be a file, and its receiver asks for it when nothing speaks
 * against it.
 */
function onRequests(
  server: Pick<EventEmitter, "on">,
  { limits, onRequest, tls, turns, onStream }: ServeOptions & { onStream?: OnStream },
) {
  const isTls = tls !== undefined;
  const serve = (request: NodeRequest, response: NodeResponse, begin: () => void) => {
    joinRepeatedAuthorization(request);
    setSecurityHeaders(request, response, { isTls });
    // With ALPN, the HTTP/2 server also gets HTTP/1.1 requests, which have no stream.
    if (!("stream" in request) || request.httpVersionMajor === 1) {
      limitBody(request, response, limits.requestTimeoutMs);
      if (refuseTwoHosts(request, response)) return;
      const { socket } = request;
      response.once("close", () => turns.leave(response));
      const beginUnlessGone = () => (socket.destroyed ? turns.leave(response) : begin());
      if (!turns.enter(socket, response, beginUnlessGone)) socket.destroy();
      return;
    }
    const { stream } = request as Http2ServerRequest;
    const session = stream.session as ServerHttp2Session | undefined;
    // The packet that brought this stream also reset it.
    if (stream.closed || stream.destroyed || session === undefined) return;
    onStream?.(stream, session);
    if (refuseTwoHosts(request, response)) return;
    stream.once("close", () => turns.leave(stream));
    if (!turns.enter(session, stream, begin)) stream.close(constants.NGHTTP2_REFUSED_STREAM);
  };
  server.on("request", (request: NodeRequest, response: NodeResponse) => {
    serve(request, response, () => onRequest(request, response));
  });
  server.on("checkContinue", (request: NodeRequest, response: NodeResponse) => {
    serve(request, response, () => {
      if (request.method !== "PUT") response.writeContinue();
      onRequest(request, response);
    });
  });
}

type OnStream = (stream: ServerHttp2Stream, session: ServerHttp2Session) => void;

function toHttp2Options(limits: ListenerLimits) {
  return {
    maxSessionMemory: SESSION_MEMORY_MAX_MB,
    streamResetBurst: STREAM_RESETS.burst,
    streamResetRate: STREAM_RESETS.perSecond,
    settings: {
      initialWindowSize: Math.min(limits.windowStartBytes, limits.streamWindowBytes),
      maxConcurrentStreams: limits.streamsMax,
      maxHeaderListSize: limits.headersMaxBytes,
    },
  };
}

function toHttp1Options(limits: ListenerLimits) {
  return {
    maxHeaderSize: limits.headersMaxBytes,
    headersTimeout: limits.headersTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    // See limitBody.
    requestTimeout: 0,
    // Node checks connections for these limits only at this interval; its default of 30 s would stretch them.
    connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, 5000),
  };
}

function toUrl({ host, tls }: ListenOptions, port: number): string {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `${tls === undefined ? "http" : "https"}://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
