import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * Ports below those that Linux (from 32768) and macOS (from 49152) give to connections, and to servers that ask for any port: none of these
 * takes a port between the moment in which it was found free and that in which it is used.
 */
const PORTS = { first: 20_000, count: 12_000 };
/** Processes that look for ports at the same time begin at different ones, and none gives a port twice before all were given. */
let turn = randomInt(PORTS.count);

/** A TCP port on 127.0.0.1 that is free now, and that nobody gets by chance. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < PORTS.count; tries++) {
    turn = (turn + 1) % PORTS.count;
    const port = PORTS.first + turn;
    if (await isPortFree(port, "127.0.0.1")) return port;
  }
  throw new Error(`none of the ports from ${PORTS.first} on is free`);
}

/** Whether a TCP port on this host can be listened on now. */
export async function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("error", () => resolve(false));
  server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  return await promise;
}
