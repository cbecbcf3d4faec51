import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import type { Delivery, DeliveryResult, EventSender } from "../../domain/subscriptions/delivery.ts";
import type { DeliveryLease } from "../../domain/subscriptions/delivery-leases.ts";
import { DELIVERY_PACE } from "../../domain/subscriptions/judge-failure.ts";
import { SUBSCRIPTION_LIMITS } from "../../domain/subscriptions/subscription.ts";
import { FakeSubscriptions } from "../../testing/fakes/fake-subscriptions.ts";
import { nextIdentity, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { useCollectedMetrics } from "../../testing/rigs/telemetry/collected-metrics.ts";
import { createSeededRandom } from "../../testing/samples/seeded-random.ts";
import { deliverEvents, type FollowedPlace } from "./deliver-events.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ORIGIN = "0190a3b4-5c6d-7e8f-9a0b-000000000001";
const STATUS_500 = { kind: "event", problem: "the receiver answers with status 500" } as const;

const toDelivery = (sequence: number): Delivery => ({
  eventId: `event-${sequence}`,
  sequence,
  namespace: "default",
  type: "sluice.file.committed.v1",
  time: new Date(0),
  json: "{}",
  briefJson: "{}",
});
const failed = (failure: DeliveryResult["failure"], delivered = 0): DeliveryResult => ({ delivered, failure });

/** A subscription with events 1 to `eventsMax`, a clock, and a receiver that answers as `answer` says. */
function createRig({ eventsMax = 3, batchMax = 1 }: { eventsMax?: number; batchMax?: number } = {}) {
  let now = Date.UTC(2026, 0, 1);
  const store = new FakeSubscriptions(() => now);
  const sent: number[] = [];
  const told: { message: string; details: Record<string, unknown> }[] = [];
  const rig = {
    store,
    sent,
    told,
    answer: (_sequences: number[]): DeliveryResult => failed(undefined, 1),
    follow: undefined as Error | undefined,
    pass: (ms: number) => {
      now += ms;
    },
    async create() {
      const wish = {
        ...{ subscriptionId: nextUuid(), namespace: "default", principal: "dev:tester", types: [], pathPrefix: "" },
        receiver: { kind: "webhook" as const, url: "https://example.org/" },
        ...{ cursor: { origin: ORIGIN, sequence: 0 }, secret: undefined },
      };
      await store.create(wish, nextIdentity({ method: "CreateSubscription" }));
      return wish.subscriptionId;
    },
    get: async () => (await store.list("default"))[0]!,
    /** Runs turns until nothing is due at this moment. */
    async run() {
      for (let turns = 0; turns < 50; turns++) {
        const [lease] = await store.take({ leaseMs: MINUTE_MS, limit: 1 });
        if (lease === undefined) return;
        await runTurn(lease);
        const { cursor, failing, state } = await rig.get();
        if (state !== "active" || (failing === undefined && cursor.sequence >= eventsMax)) return;
      }
    },
    /** Runs what is due, again and again, while time passes. */
    async runFor(ms: number, { everyMs = MINUTE_MS }: { everyMs?: number } = {}) {
      for (const endsAt = now + ms; now < endsAt; rig.pass(everyMs)) await rig.run();
    },
  };
  const random = createSeededRandom(7);
  async function runTurn(lease: DeliveryLease) {
    const turn = new AbortController();
    const { signal } = new AbortController();
    const sender: EventSender = {
      batchMax,
      send: async (deliveries) => {
        const sequences = deliveries.slice(0, batchMax).map(({ sequence }) => sequence);
        const result = rig.answer(sequences);
        sent.push(...sequences);
        return result;
      },
    };
    await deliverEvents(
      {
        leases: store,
        follow: async function* ({ subscription }): AsyncGenerator<FollowedPlace> {
          if (rig.follow !== undefined) throw rig.follow;
          for (let sequence = subscription.cursor.sequence + 1; sequence <= eventsMax; sequence++)
            yield { sequence, delivery: toDelivery(sequence) };
          turn.abort(new Error("the turn is over"));
          turn.signal.throwIfAborted();
        },
        find: async (_lane, { sequence }) => (sequence <= eventsMax ? toDelivery(sequence) : undefined),
        open: async () => sender,
        pace: DELIVERY_PACE,
        random,
        log: { warn: (details, message) => told.push({ message, details: details as Record<string, unknown> }) },
      },
      lease,
      { turn: turn.signal, signal },
    );
  }
  return rig;
}

describe("deliverEvents", () => {
  const metrics = useCollectedMetrics();

  it("counts what it delivers, what fails and is tried again, and what is set aside", async () => {
    const rig = createRig();
    await rig.create();
    rig.answer = ([sequence]) => (sequence === 2 ? failed(STATUS_500) : failed(undefined, 1));
    await rig.runFor(2 * DAY_MS, { everyMs: HOUR_MS });
    expect((await rig.get()).cursor.sequence).to.equal(3);
    const tries = rig.sent.filter((sequence) => sequence === 2).length;
    const labels = (outcome: string) => ({ "sluice.receiver": "webhook", "sluice.outcome": outcome });
    expect(await metrics.read("sluice.deliveries")).to.have.deep.members([
      [2, labels("delivered")],
      [tries - 1, labels("failed")],
      [1, labels("dead")],
    ]);
  });

  it("sends events in order, and moves the cursor behind each that is confirmed", async () => {
    const rig = createRig();
    await rig.create();
    const cursors: number[] = [];
    rig.answer = () => {
      void rig.get().then(({ cursor }) => cursors.push(cursor.sequence));
      return failed(undefined, 1);
    };
    await rig.run();
    expect(rig.sent).to.deep.equal([1, 2, 3]);
    expect(cursors, "before the confirmation of each").to.deep.equal([0, 1, 2]);
    expect((await rig.get()).cursor.sequence).to.equal(3);
  });

  it("loses nothing and repeats nothing by a receiver that is down for an hour, and does not flood it", async () => {
    const rig = createRig();
    await rig.create();
    let isDown = true;
    rig.answer = () => (isDown ? failed({ kind: "receiver", problem: "ECONNREFUSED" }) : failed(undefined, 1));
    await rig.runFor(HOUR_MS);
    expect(rig.sent.length).to.be.within(5, 40);
    expect(new Set(rig.sent)).to.deep.equal(new Set([1]));
    expect((await rig.get()).failing).to.include({ problem: "ECONNREFUSED" });
    isDown = false;
    rig.sent.length = 0;
    await rig.runFor(DELIVERY_PACE.delayMaxMs + MINUTE_MS);
    expect(rig.sent).to.deep.equal([1, 2, 3]);
    expect(await rig.get()).to.deep.include({ deadLetters: 0, failing: undefined });
    expect(rig.told.map(({ message }) => message)).to.deep.equal([
      "a receiver takes no events; they are tried again until lapseTime",
    ]);
  });

  it("makes a dead letter of a poison event after a day, and goes on behind it", async () => {
    const rig = createRig();
    const subscriptionId = await rig.create();
    rig.answer = ([sequence]) => (sequence === 2 ? failed(STATUS_500) : failed(undefined, 1));
    await rig.runFor(DAY_MS - MINUTE_MS);
    expect(rig.sent.filter((sequence) => sequence === 3)).to.deep.equal([]);
    await rig.runFor(3 * HOUR_MS);
    expect(rig.sent.at(-1)).to.equal(3);
    const tries = rig.sent.filter((sequence) => sequence === 2).length;
    expect(tries).to.be.at.least(DELIVERY_PACE.triesMin);
    const [letter] = await rig.store.listLetters({ subscriptionId }, { limit: 10 });
    expect(letter).to.deep.include({ eventId: "event-2", failures: tries, problem: STATUS_500.problem });
    expect(await rig.get()).to.deep.include({ state: "active", failing: undefined, deadLetters: 1 });
  });

  it("sends dead letters again when they are wanted, once, before all others", async () => {
    const rig = createRig({ eventsMax: 4 });
    const subscriptionId = await rig.create();
    const poison = new Set([1, 2]);
    rig.answer = ([sequence = 0]) => (poison.has(sequence) ? failed(STATUS_500) : failed(undefined, 1));
    await rig.runFor(3 * DAY_MS, { everyMs: 10 * MINUTE_MS });
    expect((await rig.get()).deadLetters).to.equal(2);
    poison.delete(2);
    rig.sent.length = 0;
    const request = { redelivery: { letters: "all" as const }, identity: nextIdentity({ method: "RedeliverEvents" }) };
    await rig.store.redeliver("default", subscriptionId, request);
    await rig.run();
    expect(rig.sent).to.deep.equal([1, 2]);
    const letters = await rig.store.listLetters({ subscriptionId }, { limit: 10 });
    expect(letters.map(({ sequence, isWanted }) => [sequence, isWanted])).to.deep.equal([[1, false]]);
  });

  it("ends after 7 days without a delivery, and says so each day before", async () => {
    const rig = createRig({ eventsMax: 20 });
    await rig.create();
    rig.answer = () => failed(STATUS_500);
    await rig.runFor(SUBSCRIPTION_LIMITS.lapseAfterMs - HOUR_MS, { everyMs: 10 * MINUTE_MS });
    expect((await rig.get()).state).to.equal("active");
    const warnings = rig.told.filter(({ message }) => message.startsWith("a receiver takes no events"));
    expect(warnings).to.have.length(7);
    const lapseTimes = new Set(warnings.map(({ details }) => (details.lapseTime as Date).getTime()));
    expect(lapseTimes.size).to.equal(1);
    await rig.runFor(3 * HOUR_MS, { everyMs: 10 * MINUTE_MS });
    expect(await rig.get()).to.deep.include({ state: "dead", endReason: "lapsed" });
  });

  it("makes no dead letter where nobody answers", async () => {
    const rig = createRig();
    await rig.create();
    rig.answer = () => failed({ kind: "receiver", problem: "no route" });
    await rig.runFor(6 * DAY_MS, { everyMs: 10 * MINUTE_MS });
    expect(await rig.get()).to.deep.include({ state: "active", deadLetters: 0 });
    expect((await rig.get()).cursor.sequence).to.equal(0);
  });

  it("waits as long as the receiver asks to, and no longer than the pace allows", async () => {
    const rig = createRig();
    await rig.create();
    const busy = (retryAfterMs: number) =>
      failed({ kind: "receiver", problem: "the receiver answers with status 429", retryAfterMs });
    rig.answer = () => busy(10 * MINUTE_MS);
    await rig.run();
    await rig.runFor(10 * MINUTE_MS - 1000, { everyMs: 1000 });
    expect(rig.sent).to.deep.equal([1]);
    rig.answer = () => busy(365 * DAY_MS);
    await rig.runFor(2000, { everyMs: 1000 });
    expect(rig.sent).to.deep.equal([1, 1]);
    rig.answer = () => failed(undefined, 1);
    await rig.runFor(DELIVERY_PACE.delayMaxMs + MINUTE_MS);
    expect(rig.sent).to.deep.equal([1, 1, 1, 2, 3]);
  });

  it("ends at once when the receiver is gone", async () => {
    const rig = createRig();
    await rig.create();
    rig.answer = () => failed({ kind: "gone", problem: "410" });
    await rig.runFor(HOUR_MS);
    expect(rig.sent).to.deep.equal([1]);
    expect(await rig.get()).to.deep.include({ state: "dead", endReason: "gone" });
  });

  it("ends when the cursor does not hold, with the reason and the sentence", async () => {
    const rig = createRig();
    await rig.create();
    rig.follow = new DomainError("failed_precondition", "it is of another feed", { reason: "EVENTS_RESET" });
    await rig.run();
    const { state, endReason, failing } = await rig.get();
    expect([state, endReason, failing?.problem]).to.deep.equal(["dead", "events-reset", "it is of another feed"]);
  });

  it("sends what was refused of a batch again, with all that is behind it", async () => {
    const rig = createRig({ eventsMax: 25, batchMax: 10 });
    await rig.create();
    let isThrottled = true;
    rig.answer = (sequences) => {
      if (!isThrottled || !sequences.includes(5)) return failed(undefined, sequences.length);
      isThrottled = false;
      return failed({ kind: "receiver", problem: "EventBridge refuses the event (ThrottlingException)" }, 4);
    };
    await rig.runFor(MINUTE_MS, { everyMs: 1000 });
    const whole = Array.from({ length: 25 }, (_, i) => i + 1);
    expect(rig.sent).to.deep.equal([...whole.slice(0, 10), ...whole.slice(4)]);
    expect((await rig.get()).cursor.sequence).to.equal(25);
  });

  it("sends nothing more once somebody else has the lease", async () => {
    const rig = createRig();
    await rig.create();
    rig.answer = () => {
      rig.pass(2 * MINUTE_MS);
      void rig.store.take({ leaseMs: MINUTE_MS, limit: 1 });
      return failed(undefined, 1);
    };
    await rig.run();
    expect(rig.sent).to.deep.equal([1]);
    expect((await rig.get()).cursor.sequence).to.equal(0);
  });

  it("gives the lease back when there is no place among those who read events", async () => {
    const rig = createRig();
    await rig.create();
    rig.follow = new DomainError("resource_exhausted", "too many", { reason: "OVERLOADED" });
    await rig.run();
    rig.follow = undefined;
    await rig.run();
    expect(rig.sent, "not at once").to.deep.equal([]);
    rig.pass(10_000);
    await rig.run();
    expect(rig.sent).to.deep.equal([1, 2, 3]);
  });
});
