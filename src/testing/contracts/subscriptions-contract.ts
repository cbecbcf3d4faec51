import { expect } from "chai";
import type { DeliveryLease, DeliveryLeases } from "../../domain/subscriptions/delivery-leases.ts";
import { SUBSCRIPTION_LIMITS } from "../../domain/subscriptions/subscription.ts";
import type { NewSubscription, SubscriptionRepository } from "../../domain/subscriptions/subscription-repository.ts";
import { expectRefusal, nextIdentity, nextUuid, TEST_ACTOR } from "../rigs/database/repository-subject.ts";

const LEASE_MS = 15_000;
const HOUR_MS = 3_600_000;
const ORIGIN = "0190a3b4-5c6d-7e8f-9a0b-000000000001";
const SECRET = Buffer.from("sealed");

/** What is under test. `pass` lets time pass by the clock that decides. */
export interface SubscriptionsSubject {
  subscriptions: SubscriptionRepository;
  leases: DeliveryLeases;
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** The contract of every SubscriptionRepository with its DeliveryLeases. `make` is called once. */
export function subscriptionsContract(make: () => Promise<SubscriptionsSubject>): void {
  let subject: SubscriptionsSubject;
  before(async () => {
    subject = await make();
  });
  after(() => subject.close());
  afterEach(async () => {
    for (const namespace of ["default", "other"]) {
      for (const { subscriptionId } of await subject.subscriptions.list(namespace))
        await subject.subscriptions.delete(namespace, subscriptionId, TEST_ACTOR);
    }
  });

  const toNew = (overrides: Partial<NewSubscription> = {}): NewSubscription => ({
    subscriptionId: nextUuid(),
    namespace: "default",
    principal: "dev:tester",
    receiver: { kind: "webhook", url: "https://example.org/events?token=1" },
    types: ["sluice.file.moved.v1"],
    pathPrefix: "in/",
    cursor: { origin: ORIGIN, sequence: 7 },
    secret: SECRET,
    ...overrides,
  });
  const identify = (method: "CreateSubscription" | "UpdateSubscription" | "RedeliverEvents") =>
    nextIdentity({ method });
  const create = async (overrides: Partial<NewSubscription> = {}) =>
    (await subject.subscriptions.create(toNew(overrides), identify("CreateSubscription"))).subscription;
  const take = async () => await subject.leases.take({ leaseMs: LEASE_MS, limit: 100 });
  const takeOne = async (): Promise<DeliveryLease> => {
    const [lease, ...others] = await take();
    if (lease === undefined || others.length > 0) throw new Error(`${others.length + 1} leases are due`);
    return lease;
  };
  const get = async ({ subscriptionId }: { subscriptionId: string }) =>
    await subject.subscriptions.get("default", subscriptionId);
  const change = async (
    { subscriptionId }: { subscriptionId: string },
    changed: Parameters<SubscriptionRepository["update"]>[2]["change"],
  ) => {
    const options = { change: changed, identity: identify("UpdateSubscription") };
    return await subject.subscriptions.update("default", subscriptionId, options);
  };

  it("keeps what was asked for, and returns the same again for the same request", async () => {
    const wish = toNew();
    const identity = identify("CreateSubscription");
    const made = await subject.subscriptions.create(wish, identity);
    const { secret, ...kept } = wish;
    expect(made.subscription).to.deep.include({ ...kept, state: "active", deadLetters: 0, failing: undefined });
    expect(Buffer.from(made.secret ?? [])).to.deep.equal(secret);
    const again = await subject.subscriptions.create(toNew(), identity);
    expect(again.subscription.subscriptionId).to.equal(wish.subscriptionId);
    const other = { ...identity, contentSha256: Buffer.alloc(32, 8) };
    await expectRefusal(subject.subscriptions.create(toNew(), other), "REQUEST_ID_REUSED");
    expect(await subject.subscriptions.list("default")).to.have.length(1);
    expect(await subject.subscriptions.list("other")).to.deep.equal([]);
  });

  it("knows no subscription of another namespace, and none that was deleted", async () => {
    const { subscriptionId } = await create();
    const { subscriptions } = subject;
    const change = { state: "paused" as const, secret: undefined };
    await expectRefusal(subscriptions.get("other", subscriptionId), "SUBSCRIPTION_NOT_FOUND");
    await expectRefusal(subscriptions.delete("other", subscriptionId, TEST_ACTOR), "SUBSCRIPTION_NOT_FOUND");
    const update = subscriptions.update("other", subscriptionId, { change, identity: identify("UpdateSubscription") });
    await expectRefusal(update, "SUBSCRIPTION_NOT_FOUND");
    await subscriptions.delete("default", subscriptionId, TEST_ACTOR);
    await expectRefusal(subscriptions.get("default", subscriptionId), "SUBSCRIPTION_NOT_FOUND");
    await expectRefusal(subscriptions.delete("default", subscriptionId, TEST_ACTOR), "SUBSCRIPTION_NOT_FOUND");
  });

  it("takes as many as a namespace may have, also when they are made at once", async () => {
    const { perNamespaceMax } = SUBSCRIPTION_LIMITS;
    const made = await Promise.allSettled(Array.from({ length: perNamespaceMax + 3 }, () => create()));
    expect(made.filter(({ status }) => status === "fulfilled")).to.have.length(perNamespaceMax);
    await expectRefusal(create(), "SUBSCRIPTIONS_FULL");
    await create({ namespace: "other" });
  });

  it("lends each subscription to one of many, and again once the lease is over", async () => {
    await create();
    const taken = (await Promise.all(Array.from({ length: 8 }, take))).flat();
    expect(taken).to.have.length(1);
    const [lease] = taken as [DeliveryLease];
    await subject.pass(LEASE_MS - 1000);
    expect(await subject.leases.keep([lease], { leaseMs: LEASE_MS })).to.deep.equal(new Set([lease]));
    await subject.pass(LEASE_MS - 1000);
    expect(await take()).to.deep.equal([]);
    await subject.pass(1000);
    const heir = await takeOne();
    expect(heir.epoch).to.be.greaterThan(lease.epoch);
    expect(await subject.leases.keep([lease, heir], { leaseMs: LEASE_MS })).to.deep.equal(new Set([heir]));
    expect([await subject.leases.holds(lease), await subject.leases.holds(heir)]).to.deep.equal([false, true]);
    expect(await subject.leases.advance(lease, 9)).to.equal(false);
    expect(await subject.leases.fail(lease, { problem: "late", retryAfterMs: 0 })).to.equal(false);
    expect(await subject.leases.end(lease, { reason: "gone", problem: "late" })).to.equal(false);
    expect(await subject.leases.advance(heir, 9)).to.equal(true);
    expect((await get(heir.subscription)).cursor).to.deep.equal({ origin: ORIGIN, sequence: 9 });
  });

  it("lends those first that have waited for longest", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      ids.push((await create()).subscriptionId);
      await subject.pass(1000);
    }
    const [first] = await subject.leases.take({ leaseMs: LEASE_MS, limit: 1 });
    expect(first?.subscription.subscriptionId).to.equal(ids[0]);
    await subject.leases.leave(first as DeliveryLease, { dueAfterMs: 0 });
    const [second] = await subject.leases.take({ leaseMs: LEASE_MS, limit: 1 });
    expect(second?.subscription.subscriptionId).to.equal(ids[1]);
  });

  it("counts failures until something is delivered, and is due again when it was said", async () => {
    const made = await create();
    const lease = await takeOne();
    expect(await subject.leases.fail(lease, { problem: "status 500", retryAfterMs: HOUR_MS })).to.equal(true);
    await subject.pass(HOUR_MS - 1000);
    expect(await take()).to.deep.equal([]);
    await subject.pass(1000);
    const again = await takeOne();
    const { failing } = again.subscription;
    expect(failing).to.deep.include({ failures: 1, problem: "status 500" });
    expect(again.takenTime.getTime() - (failing?.since.getTime() ?? 0)).to.be.within(HOUR_MS - 100, HOUR_MS + 60_000);
    await subject.leases.fail(again, { problem: "status 502", retryAfterMs: 0 });
    const third = await takeOne();
    expect(third.subscription.failing).to.deep.include({ failures: 2, problem: "status 502" });
    expect(third.subscription.failing?.since).to.deep.equal(failing?.since);
    await subject.leases.advance(third, 8);
    expect((await get(made)).failing).to.equal(undefined);
    await subject.leases.advance(third, 5);
    expect((await get(made)).cursor.sequence, "it never goes back by itself").to.equal(8);
  });

  it("keeps a dead letter, goes on behind it, and settles it once it is wanted again", async () => {
    const made = await create();
    await subject.leases.fail(await takeOne(), { problem: "first", retryAfterMs: 0 });
    const letter = { sequence: 8, eventId: nextUuid() };
    expect(await subject.leases.setAside(await takeOne(), { ...letter, problem: "poison" })).to.equal(true);
    const { cursor, deadLetters, failing } = await get(made);
    expect([cursor.sequence, deadLetters, failing?.failures]).to.deep.equal([8, 1, 0]);
    const show = async () => await subject.subscriptions.listLetters(made, { limit: 10 });
    expect((await show())[0]).to.deep.include({ ...letter, failures: 2, problem: "poison", isWanted: false });
    expect(await subject.leases.listWanted(await takeOne(), { limit: 10 })).to.deep.equal([]);

    const request = { redelivery: { letters: "all" as const }, identity: identify("RedeliverEvents") };
    await subject.subscriptions.redeliver("default", made.subscriptionId, request);
    const lease = await takeOne();
    expect(await subject.leases.listWanted(lease, { limit: 10 })).to.deep.equal([letter]);
    await subject.leases.settle(lease, letter, { problem: "still" });
    expect((await show())[0]).to.deep.include({ failures: 3, problem: "still", isWanted: false });
    await subject.leases.settle(lease, letter, { problem: undefined });
    expect(await show()).to.deep.equal([]);
  });

  it("ends by a lease, and goes on where it was once it is active again", async () => {
    const made = await create();
    expect(await subject.leases.end(await takeOne(), { reason: "gone", problem: "status 410" })).to.equal(true);
    expect(await get(made)).to.deep.include({ state: "dead", endReason: "gone", cursor: made.cursor });
    expect(await take()).to.deep.equal([]);
    await change(made, { state: "active", secret: undefined });
    expect((await takeOne()).subscription).to.deep.include({
      state: "active",
      endReason: undefined,
      failing: undefined,
    });
  });

  it("ends the right of whoever delivers with each change", async () => {
    const made = await create();
    const lease = await takeOne();
    await change(made, { state: "paused", secret: undefined });
    expect(await subject.leases.holds(lease)).to.equal(false);
    expect(await subject.leases.advance(lease, 9)).to.equal(false);
    expect(await take()).to.deep.equal([]);
    await change(made, { state: "active", secret: undefined });
    const next = await takeOne();
    const from = { origin: ORIGIN, sequence: 2 };
    const request = { redelivery: { from }, identity: identify("RedeliverEvents") };
    await subject.subscriptions.redeliver("default", made.subscriptionId, request);
    expect(await subject.leases.advance(next, 9)).to.equal(false);
    expect((await takeOne()).subscription.cursor).to.deep.equal(from);
    await subject.subscriptions.redeliver("default", made.subscriptionId, request);
    expect(await take(), "the same request again changes nothing").to.deep.equal([]);
  });

  it("signs by the former secret as well, for as long as it was said", async () => {
    const made = await create();
    const toTexts = ({ secrets }: DeliveryLease) => secrets.map((secret) => Buffer.from(secret).toString());
    const sealed = Buffer.from("second");
    const { secret } = await change(made, { state: undefined, secret: { sealed, formerMs: HOUR_MS } });
    expect(Buffer.from(secret ?? [])).to.deep.equal(sealed);
    const lease = await takeOne();
    expect(toTexts(lease)).to.deep.equal(["second", "sealed"]);
    await subject.leases.reseal(lease, [Buffer.from("second anew"), Buffer.from("sealed anew")]);
    await subject.leases.leave(lease, { dueAfterMs: 0 });
    const next = await takeOne();
    expect(toTexts(next)).to.deep.equal(["second anew", "sealed anew"]);
    await subject.leases.leave(next, { dueAfterMs: 0 });
    await subject.pass(HOUR_MS);
    expect((await get(made)).formerSecretUntil).to.equal(undefined);
    expect(toTexts(await takeOne())).to.deep.equal(["second anew"]);
  });

  it("ends what was paused for too long, and nothing else", async () => {
    const [paused, active] = [await create(), await create()];
    await change(paused, { state: "paused", secret: undefined });
    await subject.pass(HOUR_MS - 1000);
    expect(await subject.leases.lapsePaused({ pausedMs: HOUR_MS })).to.equal(0);
    await subject.pass(1000);
    expect(await subject.leases.lapsePaused({ pausedMs: HOUR_MS })).to.equal(1);
    expect(await get(paused)).to.deep.include({ state: "dead", endReason: "lapsed" });
    expect((await get(active)).state).to.equal("active");
  });

  it("does nothing for a subscription that was deleted", async () => {
    const made = await create();
    const lease = await takeOne();
    await subject.subscriptions.delete("default", made.subscriptionId, TEST_ACTOR);
    expect(await subject.leases.advance(lease, 9)).to.equal(false);
    expect(await subject.leases.setAside(lease, { sequence: 9, eventId: nextUuid(), problem: "late" })).to.equal(false);
    expect(await subject.leases.keep([lease], { leaseMs: LEASE_MS })).to.deep.equal(new Set());
  });
}
