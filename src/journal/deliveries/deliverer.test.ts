import { expect } from "chai";
import type { EventSender } from "../../domain/subscriptions/delivery.ts";
import { DELIVERY_PACE } from "../../domain/subscriptions/judge-failure.ts";
import { FakeSubscriptions } from "../../testing/fakes/fake-subscriptions.ts";
import { nextIdentity, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import type { DeliveryAccess, FollowedPlace } from "./deliver-events.ts";
import { DELIVERER_LIMITS, Deliverer, type DelivererLimits } from "./deliverer.ts";

const ORIGIN = "0190a3b4-5c6d-7e8f-9a0b-000000000001";

/** Subscriptions that have one event each and then wait for the next one, and a deliverer that sends by `send`. */
async function createRig(
  count: number,
  { send, limits = {} }: { send: EventSender["send"]; limits?: Partial<DelivererLimits> },
) {
  const store = new FakeSubscriptions();
  const ids = Array.from({ length: count }, nextUuid);
  for (const subscriptionId of ids) {
    const wish = {
      ...{ subscriptionId, namespace: "default", principal: "dev:tester", types: [], pathPrefix: "" },
      receiver: { kind: "webhook" as const, url: "https://example.org/" },
      ...{ cursor: { origin: ORIGIN, sequence: 0 }, secret: undefined },
    };
    await store.create(wish, nextIdentity({ method: "CreateSubscription" }));
  }
  const access: DeliveryAccess = {
    leases: store,
    follow: async function* ({ subscription }, { signal }): AsyncGenerator<FollowedPlace> {
      const common = { namespace: "default", type: "sluice.file.committed.v1", time: new Date(0), json: "{}" };
      const { subscriptionId: eventId, cursor } = subscription;
      if (cursor.sequence === 0) yield { sequence: 1, delivery: { ...common, eventId, sequence: 1, briefJson: "{}" } };
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      signal.throwIfAborted();
    },
    find: async () => undefined,
    open: async () => ({ batchMax: 1, send }),
    pace: DELIVERY_PACE,
    random: () => 0.5,
    log: { warn: () => {} },
  };
  const deliverer = new Deliverer(access, { ...DELIVERER_LIMITS, keepEveryMs: 0, ...limits });
  const cursors = async () => (await store.list("default")).map(({ cursor }) => cursor.sequence);
  return { store, ids, deliverer, cursors };
}

describe("Deliverer", () => {
  const confirm: EventSender["send"] = async () => ({ delivered: 1, failure: undefined });

  it("works on many subscriptions beside one another, no more than it may", async () => {
    const { deliverer, cursors } = await createRig(5, { send: confirm, limits: { leasesMax: 3, takenMax: 2 } });
    await deliverer.look();
    expect(deliverer.size).to.equal(2);
    await deliverer.look();
    await deliverer.look();
    expect(deliverer.size).to.equal(3);
    await until("those are delivered", async () => (await cursors()).filter((sequence) => sequence === 1).length === 3);
    await deliverer.stop();
    expect(deliverer.size).to.equal(0);
  });

  it("gives each subscription its turn where there are more of them than leases", async () => {
    const { deliverer, cursors } = await createRig(5, { send: confirm, limits: { leasesMax: 1, turnMs: 5 } });
    await until("all are delivered", async () => {
      await deliverer.look();
      return (await cursors()).every((sequence) => sequence === 1);
    });
    await deliverer.stop();
  });

  it("does not let one slow receiver hold up the others", async () => {
    const gate = Promise.withResolvers<void>();
    const { ids, deliverer, cursors } = await createRig(4, {
      send: async ([delivery]) => {
        if (delivery?.eventId === ids[0]) await gate.promise;
        return { delivered: 1, failure: undefined };
      },
    });
    await deliverer.look();
    await until("the others are delivered", async () => (await cursors()).filter((one) => one === 1).length === 3);
    gate.resolve();
    await deliverer.stop();
    expect(await cursors()).to.deep.equal([1, 1, 1, 1]);
  });

  it("ends what it sends when it has lost the lease", async () => {
    let [isSending, isEnded] = [false, false];
    const { store, ids, deliverer } = await createRig(1, {
      send: async (_deliveries, { signal }) => {
        isSending = true;
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        isEnded = true;
        throw signal.reason;
      },
    });
    await deliverer.look();
    await until("it sends", () => isSending);
    await store.delete("default", ids[0] as string);
    await until("it hears of it", async () => {
      await deliverer.look();
      return isEnded;
    });
    await deliverer.stop();
  });

  it("lets others go on at once when it stops, and waits for what it sends, within bounds", async () => {
    const never: EventSender["send"] = (_deliveries, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    const { store, deliverer } = await createRig(2, { send: never, limits: { graceMs: 10 } });
    await deliverer.look();
    expect(await store.take({ leaseMs: 1000, limit: 10 })).to.deep.equal([]);
    await deliverer.stop();
    expect(await store.take({ leaseMs: 1000, limit: 10 })).to.have.length(2);
    await deliverer.look();
    expect(deliverer.size, "it takes none any more").to.equal(0);
  });
});
