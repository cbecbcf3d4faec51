import { RateLimiter, type RateLimits } from "../../domain/limits/rate-limiter.ts";
import type { NodeRequest } from "./node-messages.ts";

/**
 * Calls that one address may waste: so many at once, and then 100 a second. Each costs some 50 µs of Node's own work. Callers
 * who cancel calls that are under way are not counted, however many there are.
 */
const WASTED_LIMITS: RateLimits = { intervalMs: 10, burstMax: 1000, callersMax: 10_000 };
/** For how long an address that wastes more is not let in, in milliseconds. */
const SHUT_OUT_MS = 10_000;

/** What a wasted call of a connection is told to. */
const connections = new WeakMap<object, () => void>();

/**
 * Counts calls that were never meant to be served: given up in the moment that brought them (the rapid reset of
 * CVE-2023-44487), or with a message that is too large. nghttp2 bounds the first by connection alone, and an attacker opens
 * the next one at once; so they are counted by address too, and an address with too many is shut out for a while.
 */
export class WastedCalls {
  readonly #limiter: RateLimiter;
  readonly #now: () => number;
  /** Until when an address is shut out, the first one to be let in again first. */
  readonly #shutOutUntil = new Map<string, number>();

  /** `now` in milliseconds, for tests. */
  constructor({ now = () => performance.now() } = {}) {
    this.#now = now;
    this.#limiter = new RateLimiter(WASTED_LIMITS, { now });
  }

  /** Counts those that `noteWastedCall` is told of a connection; `end` ends it when it was one too many. */
  watch(connection: object, { network, end }: { network: string; end: () => void }): void {
    connections.set(connection, () => {
      if (!this.note(network)) end();
    });
  }

  /** Counts one. False: it was one too many, and the address is shut out from now on. */
  note(network: string): boolean {
    if (this.#limiter.take(network) === 0) return true;
    this.#shutOutUntil.delete(network);
    this.#shutOutUntil.set(network, this.#now() + SHUT_OUT_MS);
    return false;
  }

  /** Whether the address is shut out. Those that are let in again are forgotten. */
  isShutOut(network: string): boolean {
    const now = this.#now();
    for (const [other, until] of this.#shutOutUntil) {
      if (until > now) break;
      this.#shutOutUntil.delete(other);
    }
    return this.#shutOutUntil.has(network);
  }
}

/** Counts a request as a wasted call of its connection, where those are counted. */
export function noteWastedCall(request: NodeRequest): void {
  const session = "stream" in request ? request.stream.session : undefined;
  connections.get(session ?? request.socket)?.();
}
