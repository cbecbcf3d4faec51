import { type EventEmitter, once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import type { NodeRequest, NodeRequestListener, NodeResponse } from "./node-messages.ts";
import { routeByPreface } from "./preface.ts";
import { SessionWindows } from "./session-windows.ts";

/** Limits of the listener. All are passed to Node explicitly. */
export interface ListenerLimits {
  /** Connections open at once; more are closed as they come. */
  connectionsMax: number;
  /** How long a plaintext connection may take to show its protocol, and a TLS one to shake hands, in milliseconds. */
  handshakeTimeoutMs: number;
  /** Bytes that a caller may send ahead on one HTTP/2 stream at first; less than what a distant one needs. */
  windowStartBytes: number;
  /** What that grows to where the distance needs it. */
  streamWindowBytes: number;
  /** The same for all streams of a connection together; not under the stream window. */
  sessionWindowBytes: number;
  /** What the windows of all connections together may grow beyond their start. */
  windowsGrownMaxBytes: number;
  /** HTTP/2 streams open at once on a connection. */
  streamsMax: number;
  /** Headers of one request, in bytes. */
  headersMaxBytes: number;
  /** How long HTTP/1.1 headers may take, in milliseconds. */
  headersTimeoutMs: number;
  /** How long the body of an HTTP/1.1 request may take, in milliseconds; not of PUT, whose bodies may be files: they may not stall. */
  requestTimeoutMs: number;
}

/** Where and how to listen. */
export interface ListenOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  /** PEM certificate chain and key: TLS 1.3 only, with HTTP/2 and 1.1 by ALPN. Plaintext when undefined. */
  tls: { cert: string | Buffer; key: string | Buffer } | undefined;
  onRequest: NodeRequestListener;
  /** Hears of errors of the port itself, for instance too many open files; single connections' errors are not among them. */
  onError: (error: Error) => void;
  limits: ListenerLimits;
}

/** An open port. */
export interface Listener {
  port: number;
  /** What a client on this machine may call, for instance "http://127.0.0.1:8080". */
  url: string;
  /**
   * Stops accepting, sends GOAWAY on every HTTP/2 connection, and resolves when the open requests have ended; those
   * that last beyond `graceMs` are cut. Safe to call again: a shorter grace takes effect.
   */
  close(options: { graceMs: number }): Promise<void>;
}

/** When an idle connection is first asked whether its peer is still there, in milliseconds; load balancers forget after 60 s. */
const KEEP_ALIVE_DELAY_MS = 30_000;
/** A connection that brings no byte for so long gives back what its windows have grown, in milliseconds. */
const WINDOW_IDLE_MS = 5000;
/** What Node may hold for one HTTP/2 connection, in MB; at its default of 10, a few downloads that wait for a slow caller would have new streams refused. */
const SESSION_MEMORY_MAX_MB = 64;

/**
 * Listens on one port for gRPC, gRPC-web, Connect and plain HTTP. Plaintext connections are told apart by their first
 * bytes, TLS ones by ALPN. Rejects when the port cannot be had. Errors of single connections end only those.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const server =
    options.tls === undefined ? createPlaintextServer(options, sessions) : createTlsServer(options, sessions);
  // Without dropMaxConnection a worker would give a surplus connection back to its supervisor, which would offer it to all in turn, again and again.
  Object.assign(server, { maxConnections: options.limits.connectionsMax, dropMaxConnection: true });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.once("close", () => sockets.delete(socket));
    // What goes wrong on a connection is its peer's doing or the network's; each protocol's server answers it.
    socket.on("error", () => socket.destroy());
  });
  server.listen({ host: options.host, port: options.port });
  await once(server, "listening");
  server.on("error", options.onError);
  const { port } = server.address() as AddressInfo;
  const closed = once(server, "close").then(() => undefined);
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

function createTlsServer(options: ListenOptions, sessions: Set<ServerHttp2Session>): Server {
  const server = createSecureServer({
    ...toHttp2Options(options.limits),
    ...toHttp1Options(options.limits),
    cert: options.tls?.cert,
    key: options.tls?.key,
    minVersion: "TLSv1.3",
    allowHTTP1: true,
    handshakeTimeout: options.limits.handshakeTimeoutMs,
  });
  serveHttp2(server, options, sessions);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

/**
 * The HTTP/1.1 server owns the port, so that it keeps account of its connections (header timeouts, idle ones at
 * close); those that begin with HTTP/2's preface are handed to an HTTP/2 server that listens nowhere.
 */
function createPlaintextServer(options: ListenOptions, sessions: Set<ServerHttp2Session>): Server {
  const http1 = createHttp1Server(toHttp1Options(options.limits));
  onRequests(http1, options);
  const http2 = createHttp2Server(toHttp2Options(options.limits));
  serveHttp2(http2, options, sessions);
  const serveHttp1 = http1.listeners("connection") as ((socket: Socket) => void)[];
  http1.removeAllListeners("connection");
  http1.on("connection", (socket: Socket) => {
    routeByPreface(socket, {
      timeoutMs: options.limits.handshakeTimeoutMs,
      onHttp1: () => {
        for (const serve of serveHttp1) serve.call(http1, socket);
      },
      onHttp2: () => http2.emit("connection", socket),
    });
  });
  return http1;
}

function serveHttp2(server: Pick<Http2Server, "on">, options: ListenOptions, sessions: Set<ServerHttp2Session>): void {
  const { limits } = options;
  const windowLimits = {
    startBytes: Math.min(limits.windowStartBytes, limits.streamWindowBytes),
    streamMaxBytes: limits.streamWindowBytes,
    sessionMaxBytes: limits.sessionWindowBytes,
    grownMaxBytes: limits.windowsGrownMaxBytes,
    idleMs: WINDOW_IDLE_MS,
  };
  const windows = new SessionWindows(windowLimits);
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    windows.add(session);
  });
  onRequests(server, {
    limits,
    onRequest: (request, response) => {
      // With ALPN this server also gets the requests of HTTP/1.1, which have no stream.
      const { stream } = request as Http2ServerRequest;
      const session = request.httpVersionMajor === 2 ? stream.session : undefined;
      if (session !== undefined) {
        windows.streamOpened(session);
        stream.once("close", () => windows.streamClosed(session));
      }
      options.onRequest(request, response);
    },
  });
  // The session destroys itself; without a listener its error would end the process.
  server.on("sessionError", () => {});
}

/**
 * Hands requests on. A body that waits to be asked for (`Expect: 100-continue`) is asked for here, but for PUT's: it may be
 * a file, and whoever serves it asks when nothing speaks against it.
 */
function onRequests(
  server: Pick<EventEmitter, "on">,
  { limits, onRequest }: Pick<ListenOptions, "limits" | "onRequest">,
) {
  const serve: NodeRequestListener = (request, response) => {
    if (request.httpVersionMajor === 1 && request.method !== "PUT") limitBody(request, limits.requestTimeoutMs);
    onRequest(request, response);
  };
  server.on("request", serve);
  server.on("checkContinue", (request: NodeRequest, response: NodeResponse) => {
    if (request.method !== "PUT") response.writeContinue();
    serve(request, response);
  });
}

/** Node's own limit of this kind holds for all requests of a server alike. */
function limitBody(request: NodeRequest, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, timeoutMs).unref();
  request.once("end", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
}

function toHttp2Options(limits: ListenerLimits) {
  return {
    maxSessionMemory: SESSION_MEMORY_MAX_MB,
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
    // See limitBody.
    requestTimeout: 0,
    // Node looks for connections beyond these limits only so often; its default of 30 s would stretch them.
    connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, 5000),
  };
}

function toUrl({ host, tls }: ListenOptions, port: number): string {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `${tls === undefined ? "http" : "https"}://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
