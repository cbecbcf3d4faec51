import { EventEmitter, once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { performServerHandshake } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import type { Logger } from "pino";
import { setFreeing } from "../domain/memory/buffer-accounts.ts";
import { observeMetric } from "../telemetry/metrics.ts";

/** The facts of Node that are relied on, each as what is wrong when it does not hold. */
export type BufferProbe = () => Promise<string | undefined>;

/** Longest that the check may take, in milliseconds: what has not answered by then does not hold. */
const TIMEOUT_MS = 2000;

/**
 * Checks what `domain/memory` takes for granted of this Node, by a few connections of this process to itself. Where something of it does not
 * hold, all received memory is left to the collector, and the log and a metric say so: uploads then cost about twice the CPU. Returns
 * whether memory is given back.
 */
export async function checkBuffers(
  log: Pick<Logger, "warn">,
  probes: readonly BufferProbe[] = [findDetachProblem, ...findTransportProblems],
): Promise<boolean> {
  const found = await Promise.all(
    probes.map((probe) => probe().catch((error) => `it cannot be found out: ${(error as Error).message}`)),
  );
  const problems = found.filter((problem) => problem !== undefined);
  const isFreeing = problems.length === 0;
  setFreeing(isFreeing);
  observeMetric("sluice.memory.freeing", () => [[isFreeing ? 1 : 0, {}]]);
  if (!isFreeing) {
    log.warn(
      { problems, node: process.version },
      "received memory is left to the collector, because this Node hands it out in another way than is known; uploads cost more CPU",
    );
  }
  return isFreeing;
}

/** A transfer detaches every view of the buffer, and Node protects its pool from that. */
async function findDetachProblem(): Promise<string | undefined> {
  const view = new Uint8Array(16);
  view.buffer.transfer(0);
  if (!view.buffer.detached || view.length > 0) return "a buffer is not detached by its transfer";
  const pooled = Buffer.allocUnsafe(16);
  if (pooled.buffer.byteLength === pooled.length) return undefined;
  try {
    pooled.buffer.transfer(0);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
  return "Node's pool of buffers can be detached";
}

/** The transports, in plaintext and by TLS. Their keys are shared in advance, which needs no certificate. */
const findTransportProblems: readonly BufferProbe[] = [
  () => findFrameProblem(PLAIN),
  () => findFrameProblem(TLS),
  findBodyProblem,
];

interface Transport {
  name: string;
  listen(onSocket: (socket: Duplex) => void): Server;
  connect(port: number): Socket;
}

const HOST = "127.0.0.1";
const PLAIN: Transport = {
  name: "plaintext",
  listen: (onSocket) => createServer(onSocket),
  connect: (port) => connect(port, HOST),
};
const KEY = { ciphers: "PSK-AES128-GCM-SHA256", maxVersion: "TLSv1.2" } as const;
const TLS: Transport = {
  name: "TLS",
  listen: (onSocket) => createTlsServer({ ...KEY, pskCallback: () => Buffer.alloc(16, 1) }, onSocket),
  connect: (port) =>
    connectTls({
      ...KEY,
      port,
      host: HOST,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: Buffer.alloc(16, 1), identity: "sluice" }),
    }),
};

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** POST / of https://a, by HPACK's static table. */
const REQUEST = Buffer.from([0x83, 0x87, 0x84, 0x41, 1, 0x61]);
/** Frames of two streams, by the places of their data in what is sent by one write. */
const FRAMES = [
  { streamId: 1, at: 9, bytes: 700 },
  { streamId: 3, at: 718, bytes: 5 },
  { streamId: 1, at: 732, bytes: 300 },
  { streamId: 3, at: 1041, bytes: 1 },
] as const;
const WIRE = Buffer.concat(FRAMES.map(({ streamId, bytes }) => toFrame(0, streamId, Buffer.alloc(bytes))));

/** The data of frames that are read at once lies in one buffer, as it lay on the wire. The next read has a buffer of its own. */
async function findFrameProblem({ name, listen, connect }: Transport): Promise<string | undefined> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const arrivals = new EventEmitter();
  const reads: Buffer[][] = [[], []];
  let read = 0;
  const server = listen((socket) => {
    const session = performServerHandshake(socket as Socket).on("error", () => {});
    session.on("stream", (stream) => {
      stream.on("error", () => {});
      stream.on("data", (bytes: Buffer) => {
        reads[read]?.push(bytes);
        arrivals.emit("bytes");
      });
      if (stream.id === 3) arrivals.emit("ready");
    });
  });
  server.listen(0, HOST);
  await once(server, "listening", { signal });
  const client = connect((server.address() as AddressInfo).port);
  try {
    const ready = once(arrivals, "ready", { signal });
    client.on("error", (error) => arrivals.emit("error", error)).resume();
    client.write(Buffer.concat([PREFACE, toFrame(4, 0), toFrame(1, 1, REQUEST), toFrame(1, 3, REQUEST)]));
    await ready;
    for (read = 0; read < reads.length; read++) {
      client.write(WIRE);
      while ((reads[read]?.length ?? 0) < FRAMES.length) await once(arrivals, "bytes", { signal });
    }
    for (const views of reads) {
      const [first] = views;
      const isAsSent = views.every(
        ({ buffer, byteOffset, length }, index) =>
          buffer === first?.buffer && byteOffset === FRAMES[index]?.at && length === FRAMES[index]?.bytes,
      );
      if (!isAsSent || first?.buffer.byteLength !== WIRE.length)
        return `${name}: frames lie otherwise than they were sent`;
    }
    return reads[0]?.[0]?.buffer === reads[1]?.[0]?.buffer ? `${name}: two reads share a buffer` : undefined;
  } finally {
    client.destroy();
    server.close();
  }
}

/** A piece of an HTTP/1.1 body is a copy in a buffer of its own, and a plain socket has a buffer for each read. */
async function findBodyProblem(): Promise<string | undefined> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const pieces: Buffer[] = [];
  const reads: Buffer[] = [];
  let answer: ServerResponse | undefined;
  const server = createHttpServer((request, response) => {
    answer = response;
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => response.flushHeaders());
  });
  server.listen(0, HOST);
  await once(server, "listening", { signal });
  const { port } = server.address() as AddressInfo;
  const sent = request({ method: "PUT", host: HOST, port, agent: false, signal });
  try {
    const answered = once(sent, "response", { signal });
    sent.end(Buffer.alloc(1000));
    const [response] = (await answered) as [IncomingMessage];
    response.socket.on("data", (bytes: Buffer) => reads.push(bytes));
    for (let round = 0; round < 2; round++) {
      const came = once(response, "data", { signal });
      answer?.write(Buffer.alloc(1000));
      pieces.push(...((await came) as [Buffer]));
    }
    const buffers = [...pieces, ...reads].map(({ buffer }) => buffer);
    if (pieces.some(({ buffer, length }) => length !== buffer.byteLength))
      return "HTTP/1.1: a piece of a body shares its buffer";
    if (pieces.length < 3 || reads.length < 2 || reads.some(({ byteOffset }) => byteOffset !== 0))
      return "HTTP/1.1: sockets hand out what they read in another way";
    return new Set(buffers).size === buffers.length ? undefined : "HTTP/1.1: two reads share a buffer";
  } finally {
    sent.destroy();
    server.closeAllConnections();
    server.close();
  }
}

function toFrame(type: number, streamId: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  // Headers are complete in their frame.
  header[4] = type === 1 ? 4 : 0;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}
