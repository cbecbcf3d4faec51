import { isIPv6, type Socket } from "node:net";
import type { WastedCalls } from "./wasted-calls.ts";

/** Bounds of the connections that are open at once. */
export interface ConnectionLimits {
  /** Connections of all callers together. */
  connectionsMax: number;
  /** Connections of one address; undefined when one address may stand for many callers, as a proxy's does. */
  connectionsPerAddressMax: number | undefined;
}

/** An IPv4 address in the form that a socket of both families shows. */
const MAPPED_IPV4 = /^::ffff:(?=\d+\.)/i;
/** Groups of 16 bits in an IPv6 address, and in the network that counts as one caller's. */
const IPV6_GROUPS = { address: 8, network: 4 } as const;

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

/**
 * The network that counts as one address: an IPv4 address, or the /64 network of an IPv6 address. A /64 is the least that one
 * host gets, and has 2^64 addresses to call from (RFC 6177). Any other text is taken as it is.
 */
export function toNetwork(address: string): string {
  const plain = address.replace(MAPPED_IPV4, "");
  if (!isIPv6(plain)) return plain;
  const [before = "", after] = plain.split("%", 1)[0]?.split("::") ?? [];
  const head = toGroups(before);
  const tail = toGroups(after ?? "");
  const zeros = Array<string>(Math.max(0, IPV6_GROUPS.address - head.length - tail.length)).fill("0");
  const groups = after === undefined ? head : [...head, ...zeros, ...tail];
  return `${groups.slice(0, IPV6_GROUPS.network).join(":")}::/64`;
}

function toGroups(text: string): string[] {
  return text === "" ? [] : text.split(":").map((group) => group.replace(/^0+(?=.)/, "").toLowerCase());
}
