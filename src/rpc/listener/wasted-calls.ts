import { RateLimiter, type RateLimits } from "../../domain/limits/rate-limiter.ts";
import type { NodeRequest } from "./node-messages.ts";

/**
 * Calls that one address may waste: `burstMax` at once, and then 100 a second. Each costs some 50 µs of Node's own work. A
 * program that gives up 2,000 calls at one moment is no attack, and has uploads on the same connection: such a moment takes a
 * tenth of a second. What an attack costs in the long run depends on the 100 alone. Callers that cancel calls under way are not
 * counted, however many they cancel.
 */
const WASTED_LIMITS: RateLimits = { intervalMs: 10, burstMax: 2500, callersMax: 10_000 };
/** How long an address that wastes more is shut out, in milliseconds. */
const SHUT_OUT_MS = 10_000;

/** The function that is called for a wasted call, by connection. */
const connections = new WeakMap<object, () => void>();

/**
 * Counts calls that were never meant to be served: calls that were reset in the same moment that brought them (the rapid reset of
 * CVE-2023-44487), and calls with a message that is too large. nghttp2 bounds resets by connection alone, and an attacker opens
 * the next connection at once. So they are counted by address too, and an address with too many is shut out for a while.
 */
export class WastedCalls {
  readonly #limiter: RateLimiter;
  readonly #now: () => number;
  /** The time until which an address is shut out. The address that is let in again first comes first. */
  readonly #shutOutUntil = new Map<string, number>();

  /** `now` gives milliseconds; tests inject it. */
  constructor({ now = () => performance.now() } = {}) {
    this.#now = now;
    this.#limiter = new RateLimiter(WASTED_LIMITS, { now });
  }

  /** Counts the calls of a connection for which `noteWastedCall` is called. Calls `end` when there was one too many. */
  watch(connection: object, { network, end }: { network: string; end: () => void }): void {
    connections.set(connection, () => {
      if (!this.note(network)) end();
    });
  }

  /** Counts one call. Returns false when it was one too many; the address is then shut out. */
  note(network: string): boolean {
    if (this.#limiter.take(network) === 0) return true;
    this.#shutOutUntil.delete(network);
    this.#shutOutUntil.set(network, this.#now() + SHUT_OUT_MS);
    return false;
  }

  /** Whether the address is shut out. Addresses whose time is over are forgotten. */
  isShutOut(network: string): boolean {
    const now = this.#now();
    for (const [other, until] of this.#shutOutUntil) {
      if (until > now) break;
      this.#shutOutUntil.delete(other);
    }
    return this.#shutOutUntil.has(network);
  }
}

/** Counts a request as a wasted call, if the calls of its connection are watched. */
export function noteWastedCall(request: NodeRequest): void {
  const session = "stream" in request ? request.stream.session : undefined;
  connections.get(session ?? request.socket)?.();
}
