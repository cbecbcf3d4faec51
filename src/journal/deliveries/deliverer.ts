import type { DeliveryLease } from "../../domain/subscriptions/delivery-leases.ts";
import { SUBSCRIPTION_LIMITS } from "../../domain/subscriptions/subscription.ts";
import { type DeliveryAccess, deliverEvents } from "./deliver-events.ts";

/** How much a process delivers. */
export interface DelivererLimits {
  /** Subscriptions that are worked on at once: an idle one takes some 20 KiB, and one that sends a connection. */
  leasesMax: number;
  /** Leases that one look takes, so that other replicas get some as well. */
  takenMax: number;
  /** After so long a lease that its holder has not kept is over, in milliseconds. */
  leaseMs: number;
  /** How often the leases are kept, in milliseconds. */
  keepEveryMs: number;
  /** After so long a lease is given back, so that more subscriptions than this process may hold get their turns, in milliseconds. */
  turnMs: number;
  /** How long requests that are under way may take when the process stops, in milliseconds. */
  graceMs: number;
}

/** A process that dies is noticed after 15 s. */
export const DELIVERER_LIMITS: DelivererLimits = {
  leasesMax: 200,
  takenMax: 10,
  leaseMs: 15_000,
  keepEveryMs: 5000,
  turnMs: 60_000,
  graceMs: 2000,
};

interface RunningLease {
  lease: DeliveryLease;
  /** Aborted when somebody else has the lease, or its subscription was changed. */
  lost: AbortController;
  ended: Promise<void>;
}

/**
 * Delivers events for this process: takes leases of subscriptions, and keeps them while it works on them. Each subscription goes at its own
 * pace: a slow receiver holds up no other.
 */
export class Deliverer {
  readonly #access: DeliveryAccess;
  readonly #limits: DelivererLimits;
  readonly #running = new Set<RunningLease>();
  readonly #stopping = new AbortController();
  readonly #ending = new AbortController();
  #keptAt = Number.NEGATIVE_INFINITY;

  constructor(access: DeliveryAccess, limits: DelivererLimits = DELIVERER_LIMITS) {
    this.#access = access;
    this.#limits = limits;
  }

  /** Leases at this moment. */
  get size(): number {
    return this.#running.size;
  }

  /** Takes what is due, and keeps what is under way: to be called every second or so. Rejects as `DeliveryLeases` does. */
  async look(): Promise<void> {
    const { leasesMax, takenMax, leaseMs, keepEveryMs } = this.#limits;
    const { leases } = this.#access;
    if (performance.now() - this.#keptAt >= keepEveryMs) {
      this.#keptAt = performance.now();
      await leases.lapsePaused({ pausedMs: SUBSCRIPTION_LIMITS.lapseAfterMs });
      await this.#keep();
    }
    const limit = Math.min(takenMax, leasesMax - this.#running.size);
    if (limit <= 0 || this.#stopping.signal.aborted) return;
    for (const lease of await leases.take({ leaseMs, limit })) this.#start(lease);
  }

  /** Ends all leases, and waits for what they send, within bounds. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the service stops"));
    const timer = setTimeout(() => this.#ending.abort(new Error("the service stops")), this.#limits.graceMs);
    await Promise.all([...this.#running].map(({ ended }) => ended));
    clearTimeout(timer);
  }

  async #keep(): Promise<void> {
    if (this.#running.size === 0) return;
    const running = [...this.#running];
    const held = running.map(({ lease }) => lease);
    const kept = await this.#access.leases.keep(held, { leaseMs: this.#limits.leaseMs });
    for (const { lease, lost } of running) {
      if (!kept.has(lease)) lost.abort(new Error("the subscription was changed, or another replica delivers it"));
    }
  }

  #start(lease: DeliveryLease): void {
    const lost = new AbortController();
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(new Error("the turn is over")), this.#limits.turnMs);
    const turn = AbortSignal.any([over.signal, this.#stopping.signal]);
    const signal = AbortSignal.any([lost.signal, this.#ending.signal]);
    const running: RunningLease = { lease, lost, ended: Promise.resolve() };
    this.#running.add(running);
    running.ended = deliverEvents(this.#access, lease, { turn, signal })
      .catch((error) => {
        const { subscriptionId, namespace } = lease.subscription;
        this.#access.log.warn({ error, subscriptionId, namespace }, "a turn of deliveries failed; another one follows");
      })
      .finally(() => {
        clearTimeout(timer);
        this.#running.delete(running);
      });
  }
}
