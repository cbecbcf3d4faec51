import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** The connections of a TLS port, by whether they were let in before the authorities of callers' certificates changed. */
export class AdmittedCallers {
  /** Connections that shake hands, by their peer's address and port: Node does not say which TLS connection is theirs. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #admitted = new Set<TLSSocket>();
  readonly #outdated = new WeakSet<object>();

  constructor(server: Pick<Server, "on">) {
    server.on("connection", (socket: Socket) => {
      const peer = toPeer(socket);
      this.#handshakes.set(peer, socket);
      socket.once("close", () => this.#handshakes.delete(peer));
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      this.#handshakes.delete(toPeer(socket));
      this.#admitted.add(socket);
      socket.once("close", () => this.#admitted.delete(socket));
    });
  }

  /** Calls all connections outdated. Those that shake hands are cut: the old authorities would judge them. */
  retire(): void {
    for (const socket of this.#handshakes.values()) socket.destroy();
    for (const socket of this.#admitted) this.#outdated.add(socket);
  }

  /** Whether the connection was let in by authorities that were changed since. */
  isOutdated(socket: object): boolean {
    return this.#outdated.has(socket);
  }
}

function toPeer({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
