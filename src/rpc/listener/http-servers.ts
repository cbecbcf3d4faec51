import type { EventEmitter } from "node:events";
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
import type { Server, Socket } from "node:net";
import { toNetwork } from "../../domain/limits/address-network.ts";
import { AdmittedCallers } from "./admitted-callers.ts";
import { limitBody } from "./body-time.ts";
import type { CallTurns } from "./call-turns.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import type { NodeRequest, NodeRequestListener, NodeResponse } from "./node-messages.ts";
import { routeByPreface } from "./preface.ts";
import { joinRepeatedAuthorization } from "./repeated-authorization.ts";
import { refuseTwoHosts } from "./request-host.ts";
import { setSecurityHeaders } from "./security-headers.ts";
import { SessionLife } from "./session-life.ts";
import { SessionWindows } from "./session-windows.ts";
import type { WastedCalls } from "./wasted-calls.ts";

/** A connection that brings no byte for this long gives back the growth of its windows, in milliseconds. */
const WINDOW_IDLE_MS = 5000;
/**
 * Memory that Node may use for one HTTP/2 connection, in MB. With its default of 10, a few downloads that wait for a slow
 * caller would make it refuse new streams.
 */
const SESSION_MEMORY_MAX_MB = 64;
/**
 * Streams of one connection that its caller may reset at once, and in each further second. A connection with more resets is
 * ended, with everything else on it: behind a load balancer these are other callers' uploads. So the limit is beyond what many
 * callers do who give up at the same moment. nghttp2's own values, 1000 and 33, end ten uploads for 2,000 cancelled calls, and
 * save nothing: an attacker opens the next connection. Measured with one core, a call that is reset costs 40 µs to 80 µs. 2,000 a
 * second took 14.5 % and 14.8 % of a core by nghttp2's values, over six connections, and 11.8 % and 13.9 % by these, over one
 * (reset in the packet that brought them, and 5 ms later). Those of one address are bounded by WastedCalls as well.
 */
const STREAM_RESETS = { burst: 5000, perSecond: 1000 };
/**
 * Streams that Node may refuse on a connection before it ends it, in the connection's whole life; this is the most that the option
 * takes. Node refuses a stream while those that were just cancelled are not cleared away, and after 100, its default, ends the
 * connection with all that is on it. A stream that is refused costs less than one that is reset.
 */
const REFUSED_STREAMS_MAX = 2 ** 32 - 1;

/** What a TLS port shows its callers, and asks of them; all in PEM. */
export interface TlsOptions {
  /** The certificate, and the chain that leads to it. */
  cert: string;
  key: string;
  /** Authorities one of which must have signed a caller's certificate. When left out, callers need no certificate. */
  clientCa?: string | undefined;
}

/** A TLS port that does not listen yet. */
interface TlsPort {
  server: Server;
  /**
   * Serves new handshakes by these; open streams go on. When the authorities of callers are others than before, connections
   * that were let in by the old ones end with their open calls. Throws when they cannot be used; then nothing has changed. A
   * port that asks for certificates, or for none, keeps doing so.
   */
  renew(tls: TlsOptions): void;
}

/** The options that the servers of both protocols work with. */
export interface ServeOptions {
  /** Undefined on a plaintext port. */
  tls: TlsOptions | undefined;
  onRequest: NodeRequestListener;
  limits: ListenerLimits;
  sessions: Set<ServerHttp2Session>;
  turns: CallTurns;
  wasted: WastedCalls | undefined;
}

/** The server of a TLS port: TLS 1.3 only, with HTTP/2 and 1.1 by ALPN. */
export function createTlsServer(options: ServeOptions & { tls: TlsOptions }): TlsPort {
  let { tls } = options;
  const server = createSecureServer({
    ...toHttp2Options(options.limits),
    ...toHttp1Options(options.limits),
    ...toSecureContext(tls),
    requestCert: tls.clientCa !== undefined,
    rejectUnauthorized: tls.clientCa !== undefined,
    allowHTTP1: true,
    handshakeTimeout: options.limits.handshakeTimeoutMs,
  });
  const callers = new AdmittedCallers(server);
  serveHttp2(server, { ...options, isOutdated: (socket) => callers.isOutdated(socket) });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return {
    server,
    renew: (renewed) => {
      // Each context has ticket keys of its own: no session of the one before is resumed.
      server.setSecureContext(toSecureContext(renewed));
      const isOtherCa = renewed.clientCa !== tls.clientCa;
      tls = renewed;
      if (!isOtherCa) return;
      callers.retire();
      for (const session of options.sessions) session.close();
    },
  };
}

function toSecureContext({ cert, key, clientCa }: TlsOptions) {
  return { cert, key, minVersion: "TLSv1.3" as const, ...(clientCa !== undefined && { ca: clientCa }) };
}

/**
 * The HTTP/1.1 server owns the port, so that it keeps account of its connections (header timeouts, idle ones at close).
 * Connections that begin with HTTP/2's preface are handed to an HTTP/2 server that listens nowhere.
 */
export function createPlaintextServer(options: ServeOptions): Server {
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
export function takeConnections(server: Server): (socket: Socket) => void {
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  return (socket) => {
    for (const serve of listeners) serve.call(server, socket);
  };
}

function serveHttp2(server: Pick<Http2Server, "on">, options: ServeOptions & CallerCheck): void {
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
  { limits, onRequest, tls, turns, isOutdated, onStream }: ServeOptions & CallerCheck & { onStream?: OnStream },
) {
  const isTls = tls !== undefined;
  const serve = (request: NodeRequest, response: NodeResponse, begin: () => void) => {
    joinRepeatedAuthorization(request);
    setSecurityHeaders(request, response, { isTls });
    // With ALPN, the HTTP/2 server also gets HTTP/1.1 requests, which have no stream.
    if (!("stream" in request) || request.httpVersionMajor === 1) {
      limitBody(request, response, limits.requestTimeoutMs);
      const { socket } = request;
      if (isOutdated?.(socket)) response.setHeader("connection", "close");
      if (refuseTwoHosts(request, response)) return;
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

/** How an HTTP/1.1 connection is judged before each answer; left out on a plaintext port. */
interface CallerCheck {
  isOutdated?: (socket: object) => boolean;
}

type OnStream = (stream: ServerHttp2Stream, session: ServerHttp2Session) => void;

function toHttp2Options(limits: ListenerLimits) {
  return {
    maxSessionMemory: SESSION_MEMORY_MAX_MB,
    streamResetBurst: STREAM_RESETS.burst,
    streamResetRate: STREAM_RESETS.perSecond,
    maxSessionRejectedStreams: REFUSED_STREAMS_MAX,
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
