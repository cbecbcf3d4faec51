import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** A line treats each piece of bytes in this way, in both directions; a piece has at most 64 KiB. */
export interface SlowLine {
  /** How long it waits with the piece, in milliseconds. */
  readonly latencyMs: number;
  /** How fast the piece then passes, in bytes a second. */
  readonly bytesPerSecond: number;
}

/** A TCP line to a server that stands for the server, and can fail. */
export interface FaultProxy {
  readonly port: number;
  /** Bytes that have come from clients. */
  readonly sentBytes: number;
  /** Resets all connections that are open. */
  cut(): void;
  /** Resets all connections, and each new one, until the returned function is called. */
  takeAway(): () => void;
  /** Makes the line slow until the returned function is called. */
  slowDown(line: SlowLine): () => void;
  close(): Promise<void>;
}

/** Starts a line from a free port of the loopback to another of its ports. */
export async function startFaultProxy(toPort: number): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const absences = new Set<object>();
  const slowness = new Set<SlowLine>();
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  let sentBytes = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket)).on("error", () => {});
  };
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const pass = async (from: Socket, to: Socket, count: (lengthBytes: number) => void) => {
    // The other direction goes on when this one has ended.
    for await (const piece of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      count(piece.length);
      for (const { latencyMs, bytesPerSecond } of slowness)
        await delay(latencyMs + (1000 * piece.length) / bytesPerSecond);
      if (to.destroyed) return void from.destroy();
      if (!to.write(piece)) await untilDrained(to);
    }
    to.end();
  };
  server.on("connection", (client) => {
    keep(client);
    if (absences.size > 0) return void client.resetAndDestroy();
    const upstream = connect({ port: toPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    keep(upstream);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      const count = (lengthBytes: number) => {
        if (one === client) sentBytes += lengthBytes;
      };
      pass(one, other, count).catch(() => {
        one.destroy();
        other.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get sentBytes() {
      return sentBytes;
    },
    cut,
    takeAway() {
      const absence = {};
      absences.add(absence);
      cut();
      return () => void absences.delete(absence);
    },
    slowDown(line) {
      const own = { ...line };
      slowness.add(own);
      return () => void slowness.delete(own);
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

/** Resolves when the socket takes more, or never will. It leaves no listener behind: a line lives for hours. */
async function untilDrained(socket: Socket): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(socket, "drain", { signal }), once(socket, "close", { signal })]).finally(() =>
    over.abort(),
  );
}
