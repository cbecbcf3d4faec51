import type { Lane } from "../../domain/subscriptions/delivery-lanes.ts";
import { SUBSCRIPTION_LIMITS } from "../../domain/subscriptions/subscription.ts";
import { type LaneAccess, runLane } from "./run-lane.ts";

/** How much a process delivers. */
export interface DelivererLimits {
  /** Subscriptions that are worked on at once: an idle one takes some 20 KiB, and one that sends a connection. */
  lanesMax: number;
  /** Lanes that one look takes, so that other replicas get some as well. */
  takenMax: number;
  /** After so long a lane that others may have lost is free for everybody, in milliseconds. */
  leaseMs: number;
  /** How often the lanes are kept, in milliseconds. */
  keepEveryMs: number;
  /** After so long a lane is given back, so that many subscriptions share few lanes, in milliseconds. */
  turnMs: number;
  /** How long requests that are under way may take when the process stops, in milliseconds. */
  graceMs: number;
}

/** A process that dies is noticed after 15 s. */
export const DELIVERER_LIMITS: DelivererLimits = {
  lanesMax: 200,
  takenMax: 10,
  leaseMs: 15_000,
  keepEveryMs: 5000,
  turnMs: 60_000,
  graceMs: 2000,
};

interface RunningLane {
  lane: Lane;
  /** Aborted when somebody else has the lane, or its subscription was changed. */
  lost: AbortController;
  ended: Promise<void>;
}

/**
 * Delivers events for this process: takes lanes of subscriptions, and keeps them while it works on them. Each lane goes at its own
 * pace: a slow receiver holds up no other.
 */
export class Deliverer {
  readonly #access: LaneAccess;
  readonly #limits: DelivererLimits;
  readonly #running = new Set<RunningLane>();
  readonly #stopping = new AbortController();
  readonly #ending = new AbortController();
  #keptAt = Number.NEGATIVE_INFINITY;

  constructor(access: LaneAccess, limits: DelivererLimits = DELIVERER_LIMITS) {
    this.#access = access;
    this.#limits = limits;
  }

  /** Lanes at this moment. */
  get size(): number {
    return this.#running.size;
  }

  /** Takes what is due, and keeps what is under way: to be called every second or so. Rejects as `DeliveryLanes` does. */
  async look(): Promise<void> {
    const { lanesMax, takenMax, leaseMs, keepEveryMs } = this.#limits;
    const { lanes } = this.#access;
    if (performance.now() - this.#keptAt >= keepEveryMs) {
      this.#keptAt = performance.now();
      await lanes.lapsePaused({ pausedMs: SUBSCRIPTION_LIMITS.lapseAfterMs });
      await this.#keep();
    }
    const limit = Math.min(takenMax, lanesMax - this.#running.size);
    if (limit <= 0 || this.#stopping.signal.aborted) return;
    for (const lane of await lanes.take({ leaseMs, limit })) this.#start(lane);
  }

  /** Ends all lanes, and waits for what they send, within bounds. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the service stops"));
    const timer = setTimeout(() => this.#ending.abort(new Error("the service stops")), this.#limits.graceMs);
    await Promise.all([...this.#running].map(({ ended }) => ended));
    clearTimeout(timer);
  }

  async #keep(): Promise<void> {
    if (this.#running.size === 0) return;
    const running = [...this.#running];
    const held = running.map(({ lane }) => lane);
    const kept = await this.#access.lanes.keep(held, { leaseMs: this.#limits.leaseMs });
    for (const { lane, lost } of running) {
      if (!kept.has(lane)) lost.abort(new Error("the subscription was changed, or another replica delivers it"));
    }
  }

  #start(lane: Lane): void {
    const lost = new AbortController();
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(new Error("the turn is over")), this.#limits.turnMs);
    const turn = AbortSignal.any([over.signal, this.#stopping.signal]);
    const signal = AbortSignal.any([lost.signal, this.#ending.signal]);
    const running: RunningLane = { lane, lost, ended: Promise.resolve() };
    this.#running.add(running);
    running.ended = runLane(this.#access, lane, { turn, signal })
      .catch((error) => {
        const { subscriptionId, namespace } = lane.subscription;
        this.#access.log.warn({ error, subscriptionId, namespace }, "a turn of deliveries failed; another one follows");
      })
      .finally(() => {
        clearTimeout(timer);
        this.#running.delete(running);
      });
  }
}
