import { DomainError } from "../../domain/errors.ts";
import type { Delivery, DeliveryFailure, DeliveryResult, EventSender } from "../../domain/subscriptions/delivery.ts";
import type { DeliveryLease, DeliveryLeases, WantedLetter } from "../../domain/subscriptions/delivery-leases.ts";
import { type DeliveryPace, judgeFailure } from "../../domain/subscriptions/judge-failure.ts";
import { type Failing, type Receiver, SUBSCRIPTION_LIMITS } from "../../domain/subscriptions/subscription.ts";
import { recordMetric } from "../../telemetry/metrics.ts";
import { inRootSpan, type RootSpanOptions } from "../../telemetry/root-span.ts";
import { gatherReady } from "./gather-ready.ts";

/** What a subscription follows: an event, or how far there is none. */
export interface FollowedPlace {
  readonly sequence: number;
  /** Undefined where there is only a place. */
  readonly delivery: Delivery | undefined;
}

/** What deliveries work with. */
export interface DeliveryAccess {
  leases: DeliveryLeases;
  /**
   * What is behind the cursor of a subscription, and then what comes. Ends with `failed_precondition / EVENTS_RESET`, and with the
   * signal's reason.
   */
  follow(lease: DeliveryLease, options: { signal: AbortSignal }): AsyncIterable<FollowedPlace>;
  /** One event of a subscription's namespace; undefined when it is not kept any more. */
  find(lease: DeliveryLease, letter: WantedLetter): Promise<Delivery | undefined>;
  /** Opens the way to the receiver of a subscription. */
  open(lease: DeliveryLease): Promise<EventSender>;
  pace: DeliveryPace;
  /** Uniform in [0, 1). */
  random: () => number;
  log: { warn(details: object, message: string): void };
}

/** Dead letters that are sent again in one turn; the next turn goes on. */
const WANTED_MAX = 100;
/** How soon a subscription is tried again that has found no place among those who read the events, in milliseconds. */
const CROWDED_RETRY_MS = 5000;
const DAY_MS = 86_400_000;

/** Somebody else has taken the lease, or the subscription was changed: what is under way counts for nothing any more. */
const LOST = Symbol("lost");
/** The turn has ended by a failure, which is recorded. */
const FAILED = Symbol("failed");
type Outcome = typeof LOST | typeof FAILED | undefined;

/**
 * One turn of a subscription: sends the dead letters that are wanted again, and then what is behind the cursor, in order, until a delivery
 * fails, or the turn is over. The cursor moves after each delivery that the receiver has confirmed, and not before: a holder that dies
 * in between has sent an event that is sent again.
 *
 * `turn` is aborted when the turn is over; what is being sent then is still brought to its end. `signal` ends that as well. Rejects
 * only as `DeliveryLeases` does; the lease then ends by itself.
 */
export async function deliverEvents(
  access: DeliveryAccess,
  lease: DeliveryLease,
  { turn, signal }: { turn: AbortSignal; signal: AbortSignal },
): Promise<void> {
  // However the turn ends, whoever follows the events for it is told.
  const following = new AbortController();
  const run = new Turn(access, lease, { sender: await access.open(lease), signal });
  let dueAfterMs = 0;
  try {
    const ending = AbortSignal.any([turn, signal, following.signal]);
    if ((await run.sendWanted(ending)) !== undefined) return;
    const places = access.follow(lease, { signal: ending });
    for await (const group of gatherReady(places, run.batchMax)) {
      if ((await run.sendGroup(group)) !== undefined) return;
      ending.throwIfAborted();
    }
  } catch (error) {
    if (error instanceof DomainError && error.reason === "EVENTS_RESET") {
      await run.end("events-reset", error.message);
      return;
    }
    if (error instanceof DomainError && error.code === "unavailable") throw error;
    if (error instanceof DomainError) dueAfterMs = CROWDED_RETRY_MS;
    else if (!turn.aborted && !signal.aborted) throw error;
  } finally {
    following.abort();
  }
  await access.leases.leave(lease, { dueAfterMs });
}

/** What metrics call the kinds of receivers. */
const RECEIVERS = { webhook: "webhook", "event-bus": "event_bus" } as const satisfies Record<Receiver["kind"], string>;

class Turn {
  readonly #access: DeliveryAccess;
  readonly #lease: DeliveryLease;
  readonly #signal: AbortSignal;
  readonly #sender: EventSender;
  /** How the deliveries fail at the moment. */
  #failing: Failing | undefined;

  constructor(
    access: DeliveryAccess,
    lease: DeliveryLease,
    { sender, signal }: { sender: EventSender; signal: AbortSignal },
  ) {
    this.#access = access;
    this.#lease = lease;
    this.#signal = signal;
    this.#sender = sender;
    this.#failing = lease.subscription.failing;
  }

  get batchMax(): number {
    return this.#sender.batchMax;
  }

  /** Sends the dead letters that are wanted again, each by itself. One that the receiver does not take stays a dead letter. */
  async sendWanted(ending: AbortSignal): Promise<Outcome> {
    const { leases, find } = this.#access;
    for (const letter of await leases.listWanted(this.#lease, { limit: WANTED_MAX })) {
      ending.throwIfAborted();
      const delivery = await find(this.#lease, letter);
      const failure = delivery && (await this.#send([delivery])).failure;
      if (failure !== undefined && failure.kind !== "event") return await this.#fail(failure);
      if (failure !== undefined) this.#count("dead");
      if (!(await leases.settle(this.#lease, letter, { problem: failure?.problem }))) return LOST;
    }
    return undefined;
  }

  /** Sends the events of a group, and moves the cursor to its end. */
  async sendGroup(group: readonly FollowedPlace[]): Promise<Outcome> {
    let waiting = group.flatMap(({ delivery }) => delivery ?? []);
    while (waiting.length > 0) {
      this.#signal.throwIfAborted();
      // It may have waited for the event for long. One read by a key is little beside a request.
      if (!(await this.#access.leases.holds(this.#lease))) return LOST;
      const { delivered, failure } = await this.#send(waiting);
      const last = waiting[delivered - 1];
      if (last !== undefined && !(await this.#advance(last.sequence))) return LOST;
      waiting = waiting.slice(delivered);
      if (failure !== undefined) return await this.#fail(failure, waiting[0]);
    }
    const end = group.at(-1);
    if (end?.delivery === undefined && end !== undefined && !(await this.#advance(end.sequence))) return LOST;
    return undefined;
  }

  /** Ends the subscription for good, unless its owner wants it again. */
  async end(reason: "gone" | "lapsed" | "events-reset", problem: string): Promise<void> {
    const isEnded = await this.#access.leases.end(this.#lease, { reason, problem });
    if (isEnded) this.#warn({ reason, problem }, "a subscription has ended; UpdateSubscription makes it active again");
  }

  async #send(deliveries: readonly Delivery[]): Promise<DeliveryResult> {
    const { namespace, subscriptionId, receiver } = this.#lease.subscription;
    const span: RootSpanOptions<DeliveryResult> = {
      attributes: { "sluice.namespace": namespace, "sluice.subscription_id": subscriptionId },
      causes: deliveries.flatMap(({ cause }) => cause ?? []),
      failureOf: ({ failure }) => failure?.kind,
    };
    const send = () => this.#sender.send(deliveries, { signal: this.#signal });
    const result = await inRootSpan(`deliver ${RECEIVERS[receiver.kind]}`, span, send);
    if (result.delivered > 0) this.#count("delivered", result.delivered);
    return result;
  }

  #count(outcome: "delivered" | "failed" | "dead", deliveries = 1): void {
    const receiver = RECEIVERS[this.#lease.subscription.receiver.kind];
    recordMetric("sluice.deliveries", deliveries, { "sluice.receiver": receiver, "sluice.outcome": outcome });
  }

  async #advance(sequence: number): Promise<boolean> {
    this.#failing = undefined;
    return await this.#access.leases.advance(this.#lease, sequence);
  }

  /** `delivery` is the event that was not delivered, where that is the one behind the cursor. */
  async #fail(failure: DeliveryFailure, delivery?: Delivery): Promise<Outcome> {
    const { leases, pace, random } = this.#access;
    const { problem } = failure;
    const before = this.#failing;
    const now = this.#lease.takenTime;
    const verdict = judgeFailure(failure, { before, now, pace, random });
    const isDead = verdict.kind === "dead-letter" && delivery !== undefined;
    this.#count(isDead ? "dead" : "failed");
    if (verdict.kind === "end") {
      await this.end(verdict.reason, problem);
      return FAILED;
    }
    this.#tell(problem, { before, now });
    if (isDead) {
      const { eventId, sequence } = delivery;
      if (await leases.setAside(this.#lease, { eventId, sequence, problem }))
        this.#warn({ eventId, problem }, "a receiver does not take an event, which is now a dead letter");
    } else {
      const retryAfterMs = verdict.kind === "retry" ? verdict.afterMs : pace.delayMaxMs;
      await leases.fail(this.#lease, { problem, retryAfterMs });
    }
    return FAILED;
  }

  /** Says that deliveries fail: when that begins, and once a day, with the time at which the subscription will end. */
  #tell(problem: string, { before, now }: { before: Failing | undefined; now: Date }): void {
    const daysAt = (time: Date) => Math.floor((time.getTime() - (before?.since ?? now).getTime()) / DAY_MS);
    if (before !== undefined && daysAt(now) === daysAt(before.lastTime)) return;
    const since = before?.since ?? now;
    const lapseTime = new Date(since.getTime() + SUBSCRIPTION_LIMITS.lapseAfterMs);
    this.#warn({ problem, since, lapseTime }, "a receiver takes no events; they are tried again until lapseTime");
  }

  #warn(details: object, message: string): void {
    const { subscriptionId, namespace } = this.#lease.subscription;
    this.#access.log.warn({ subscriptionId, namespace, ...details }, message);
  }
}
