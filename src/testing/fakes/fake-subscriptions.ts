import type { CommandIdentity } from "../../domain/command-identity.ts";
import { subscriptionNotFound, subscriptionsFull } from "../../domain/repository-refusals.ts";
import type { DeliveryLease, DeliveryLeases, WantedLetter } from "../../domain/subscriptions/delivery-leases.ts";
import {
  type DeadLetter,
  type EndReason,
  type Failing,
  SUBSCRIPTION_LIMITS,
  type Subscription,
} from "../../domain/subscriptions/subscription.ts";
import type {
  KeptSubscription,
  NewSubscription,
  Redelivery,
  SubscriptionChange,
  SubscriptionRepository,
} from "../../domain/subscriptions/subscription-repository.ts";
import { FakeRequests } from "./fake-requests.ts";

interface Row {
  subscription: Subscription;
  secret: Uint8Array | undefined;
  former: Uint8Array | undefined;
  letters: Map<number, DeadLetter>;
  epoch: number;
  leaseUntilMs: number;
  nextMs: number;
}

/** Subscriptions and their leases in memory. Trusted because they pass the same contract suite as those in PostgreSQL. */
export class FakeSubscriptions implements SubscriptionRepository, DeliveryLeases {
  readonly #rows = new Map<string, Row>();
  readonly #requests = new FakeRequests();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async create(wish: NewSubscription, identity: CommandIdentity): Promise<KeptSubscription> {
    const earlierId = this.#requests.find(identity);
    if (earlierId !== undefined) return this.#toKept(this.#require(wish.namespace, earlierId));
    const { perNamespaceMax } = SUBSCRIPTION_LIMITS;
    if (this.#rowsOf(wish.namespace).length >= perNamespaceMax)
      throw subscriptionsFull(wish.namespace, perNamespaceMax);
    const { secret, ...rest } = wish;
    const now = new Date(this.#now());
    const row: Row = {
      subscription: {
        ...rest,
        ...{ createTime: now, state: "active", endReason: undefined, stateTime: now, progressTime: now },
        ...{ failing: undefined, formerSecretUntil: undefined, deadLetters: 0 },
      },
      ...{ secret, former: undefined, letters: new Map() },
      ...{ epoch: 0, leaseUntilMs: Number.NEGATIVE_INFINITY, nextMs: now.getTime() },
    };
    this.#rows.set(rest.subscriptionId, row);
    this.#requests.add(identity, rest.subscriptionId);
    return this.#toKept(row);
  }

  async get(namespace: string, subscriptionId: string): Promise<Subscription> {
    return this.#show(this.#require(namespace, subscriptionId));
  }

  async listLetters({ subscriptionId }: { subscriptionId: string }, { limit }: { limit: number }) {
    return this.#lettersOf(subscriptionId).slice(0, limit);
  }

  async list(namespace: string): Promise<Subscription[]> {
    const shown = this.#rowsOf(namespace).map((row) => this.#show(row));
    return shown.sort((a, b) => (a.subscriptionId < b.subscriptionId ? -1 : 1));
  }

  async update(
    namespace: string,
    subscriptionId: string,
    { change, identity }: { change: SubscriptionChange; identity: CommandIdentity },
  ): Promise<KeptSubscription> {
    const row = this.#require(namespace, subscriptionId);
    if (this.#requests.find(identity) !== undefined) return this.#toKept(row);
    this.#requests.add(identity, subscriptionId);
    const { state, secret } = change;
    this.#free(row);
    if (state !== undefined)
      this.#set(row, { state, endReason: undefined, stateTime: new Date(this.#now()), failing: undefined });
    if (secret !== undefined) {
      this.#set(row, { formerSecretUntil: new Date(this.#now() + secret.formerMs) });
      Object.assign(row, { former: row.secret, secret: secret.sealed });
    }
    return this.#toKept(row);
  }

  async delete(namespace: string, subscriptionId: string): Promise<void> {
    this.#require(namespace, subscriptionId);
    this.#rows.delete(subscriptionId);
  }

  async redeliver(
    namespace: string,
    subscriptionId: string,
    { redelivery, identity }: { redelivery: Redelivery; identity: CommandIdentity },
  ): Promise<Subscription> {
    const row = this.#require(namespace, subscriptionId);
    if (this.#requests.find(identity) !== undefined) return this.#show(row);
    this.#requests.add(identity, subscriptionId);
    this.#free(row);
    if ("from" in redelivery) this.#set(row, { cursor: redelivery.from, failing: undefined });
    else for (const [sequence, letter] of row.letters) row.letters.set(sequence, { ...letter, isWanted: true });
    return this.#show(row);
  }

  async take({ leaseMs, limit }: { leaseMs: number; limit: number }): Promise<DeliveryLease[]> {
    const now = this.#now();
    const due = [...this.#rows.values()]
      .filter(({ subscription }) => subscription.state === "active")
      .filter(({ leaseUntilMs, nextMs }) => leaseUntilMs <= now && nextMs <= now)
      .sort((a, b) => a.nextMs - b.nextMs)
      .slice(0, limit);
    return due.map((row) => {
      Object.assign(row, { epoch: row.epoch + 1, leaseUntilMs: now + leaseMs });
      const subscription = this.#show(row);
      const former = subscription.formerSecretUntil === undefined ? undefined : row.former;
      const secrets = [row.secret, former].flatMap((secret) => secret ?? []);
      return { subscription, epoch: row.epoch, secrets, takenTime: new Date(now) };
    });
  }

  async keep(leases: readonly DeliveryLease[], { leaseMs }: { leaseMs: number }): Promise<ReadonlySet<DeliveryLease>> {
    const kept = leases.filter((lease) =>
      this.#change(lease, (row) => {
        row.leaseUntilMs = this.#now() + leaseMs;
      }),
    );
    return new Set(kept);
  }

  async holds(lease: DeliveryLease): Promise<boolean> {
    return this.#change(lease, () => {});
  }

  async leave(lease: DeliveryLease, { dueAfterMs }: { dueAfterMs: number }): Promise<boolean> {
    return this.#change(lease, (row) => this.#give(row, dueAfterMs));
  }

  async advance(lease: DeliveryLease, sequence: number): Promise<boolean> {
    return this.#change(lease, (row) => {
      const { cursor } = row.subscription;
      const moved = { ...cursor, sequence: Math.max(cursor.sequence, sequence) };
      this.#set(row, { cursor: moved, progressTime: new Date(this.#now()), failing: undefined });
    });
  }

  async fail(
    lease: DeliveryLease,
    { problem, retryAfterMs }: { problem: string; retryAfterMs: number },
  ): Promise<boolean> {
    return this.#change(lease, (row) => {
      this.#give(row, retryAfterMs);
      this.#set(row, { failing: this.#toFailing(row, problem) });
    });
  }

  async setAside(
    lease: DeliveryLease,
    { sequence, eventId, problem }: WantedLetter & { problem: string },
  ): Promise<boolean> {
    return this.#change(lease, (row) => {
      const failing = this.#toFailing(row, problem);
      const time = new Date(this.#now());
      row.letters.set(sequence, { eventId, sequence, failures: failing.failures, problem, time, isWanted: false });
      this.#give(row, 0);
      const { cursor } = row.subscription;
      this.#set(row, { cursor: { ...cursor, sequence }, failing: { ...failing, failures: 0 } });
    });
  }

  async end(lease: DeliveryLease, { reason, problem }: { reason: EndReason; problem: string }): Promise<boolean> {
    return this.#change(lease, (row) => {
      this.#set(row, { failing: this.#toFailing(row, problem) });
      this.#end(row, reason);
    });
  }

  async reseal(lease: DeliveryLease, [secret, former]: readonly Uint8Array[]): Promise<boolean> {
    return this.#change(lease, (row) => Object.assign(row, { secret, former: former ?? row.former }));
  }

  async listWanted({ subscription }: DeliveryLease, { limit }: { limit: number }): Promise<WantedLetter[]> {
    const wanted = this.#lettersOf(subscription.subscriptionId).filter(({ isWanted }) => isWanted);
    return wanted.slice(0, limit).map(({ sequence, eventId }) => ({ sequence, eventId }));
  }

  async settle(
    lease: DeliveryLease,
    { sequence }: WantedLetter,
    { problem }: { problem: string | undefined },
  ): Promise<boolean> {
    return this.#change(lease, ({ letters }) => {
      const letter = letters.get(sequence);
      if (letter === undefined) return;
      if (problem === undefined) letters.delete(sequence);
      else letters.set(sequence, { ...letter, problem, failures: letter.failures + 1, isWanted: false });
    });
  }

  async lapsePaused({ pausedMs }: { pausedMs: number }): Promise<number> {
    const lapsed = [...this.#rows.values()].filter(
      ({ subscription: { state, stateTime } }) => state === "paused" && stateTime.getTime() <= this.#now() - pausedMs,
    );
    for (const row of lapsed) this.#end(row, "lapsed");
    return lapsed.length;
  }

  #rowsOf(namespace: string): Row[] {
    return [...this.#rows.values()].filter(({ subscription }) => subscription.namespace === namespace);
  }

  #require(namespace: string, subscriptionId: string): Row {
    const row = this.#rows.get(subscriptionId);
    if (row?.subscription.namespace !== namespace) throw subscriptionNotFound(subscriptionId);
    return row;
  }

  #change(lease: DeliveryLease, change: (row: Row) => unknown): boolean {
    const row = this.#rows.get(lease.subscription.subscriptionId);
    if (row?.epoch !== lease.epoch) return false;
    change(row);
    return true;
  }

  #set(row: Row, values: Partial<Subscription>): void {
    row.subscription = { ...row.subscription, ...values };
  }

  #give(row: Row, dueAfterMs: number): void {
    Object.assign(row, { leaseUntilMs: Number.NEGATIVE_INFINITY, nextMs: this.#now() + dueAfterMs });
  }

  #free(row: Row): void {
    this.#give(row, 0);
    row.epoch++;
  }

  #end(row: Row, endReason: EndReason): void {
    this.#set(row, { state: "dead", endReason, stateTime: new Date(this.#now()) });
    this.#free(row);
  }

  #toFailing(row: Row, problem: string): Failing {
    const { failing } = row.subscription;
    const now = new Date(this.#now());
    const failures = (failing?.failures ?? 0) + 1;
    const firstTime = failing === undefined || failing.failures === 0 ? now : failing.firstTime;
    return { failures, firstTime, lastTime: now, since: failing?.since ?? now, problem, nextTime: now };
  }

  #show({ subscription, letters, nextMs }: Row): Subscription {
    const { failing, formerSecretUntil } = subscription;
    const now = this.#now();
    return {
      ...subscription,
      deadLetters: letters.size,
      formerSecretUntil: (formerSecretUntil?.getTime() ?? 0) > now ? formerSecretUntil : undefined,
      failing: failing && {
        ...failing,
        nextTime: new Date(nextMs),
        ...(failing.failures === 0 && { firstTime: new Date(now) }),
      },
    };
  }

  #toKept(row: Row): KeptSubscription {
    return { subscription: this.#show(row), secret: row.secret };
  }

  #lettersOf(subscriptionId: string): DeadLetter[] {
    return [...(this.#rows.get(subscriptionId)?.letters.values() ?? [])].sort((a, b) => a.sequence - b.sequence);
  }
}
