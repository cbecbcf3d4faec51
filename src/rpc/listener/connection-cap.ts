import type { Socket } from "node:net";
import { toNetwork } from "../../domain/limits/address-network.ts";
import type { WastedCalls } from "./wasted-calls.ts";

/** Bounds of the connections that are open at once. */
export interface ConnectionLimits {
  /** Connections of all callers together. */
  connectionsMax: number;
  /** Connections of one address; undefined when one address may stand for many callers, as a proxy's does. */
  connectionsPerAddressMax: number | undefined;
}

/** Counts open connections, in all and by address. Refuses those over a bound and those of addresses that are shut out. */
export class ConnectionCap {
  readonly #limits: ConnectionLimits;
  readonly #wasted: WastedCalls | undefined;
  readonly #open = new Map<string, number>();
  #count = 0;

  /** `wasted` says which addresses are shut out; without it, none is. */
  constructor(limits: ConnectionLimits, { wasted }: { wasted?: WastedCalls | undefined } = {}) {
    this.#limits = limits;
    this.#wasted = wasted;
  }

  /** Counts a new connection until it closes. Returns false when the connection is over a bound and has been reset. */
  admit(socket: Socket): boolean {
    const { connectionsMax, connectionsPerAddressMax = Number.POSITIVE_INFINITY } = this.#limits;
    // A connection that its caller has already closed has no address any more.
    const network = toNetwork(socket.remoteAddress ?? "");
    const openFromThere = this.#open.get(network) ?? 0;
    const isOverBound = this.#count >= connectionsMax || openFromThere >= connectionsPerAddressMax;
    if (isOverBound || this.#wasted?.isShutOut(network) === true) {
      // A reset leaves nothing behind; the system would keep a connection that is closed in order for a minute.
      socket.resetAndDestroy();
      return false;
    }
    this.#count++;
    this.#open.set(network, openFromThere + 1);
    socket.once("close", () => this.#remove(network));
    return true;
  }

  #remove(network: string): void {
    this.#count--;
    const left = (this.#open.get(network) ?? 0) - 1;
    if (left > 0) this.#open.set(network, left);
    else this.#open.delete(network);
  }
}
