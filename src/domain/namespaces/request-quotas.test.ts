import { expect } from "chai";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { sampleNamespace } from "../../testing/samples/sample-records.ts";
import { DomainError } from "../errors.ts";
import { type Loan, RequestBuckets, type RequestRate } from "../limits/request-lender.ts";
import { RequestQuotas } from "./request-quotas.ts";

describe("RequestBuckets", () => {
  it("lends what the rate has, a second's requests after a pause, and says when there is more", () => {
    const clock = { now: 0 };
    const buckets = new RequestBuckets({ now: () => clock.now });
    const rate = { key: "a", perSecond: 10 };
    expect(buckets.lend(rate, 4)).to.deep.equal({ count: 4, waitMs: 0 });
    expect(buckets.lend(rate, 20)).to.deep.equal({ count: 6, waitMs: 100 });
    expect(buckets.lend({ key: "b", perSecond: 10 }, 1).count).to.equal(1);
    clock.now = 250;
    expect(buckets.lend(rate, 20)).to.deep.include({ count: 2 });
    buckets.giveBack(rate, 2);
    expect(buckets.lend(rate, 20)).to.deep.include({ count: 2 });
  });
});

describe("RequestQuotas", () => {
  function open() {
    const clock = { now: 0 };
    const now = () => clock.now;
    const buckets = new RequestBuckets({ now });
    const asked: { key: string; countMax: number }[] = [];
    /** As a worker has it: every question takes a turn of the event loop. */
    const lender = {
      batchOf: (perSecond: number) => perSecond / 10,
      lend: async (rate: RequestRate, countMax: number) => {
        asked.push({ key: rate.key, countMax });
        return buckets.lend(rate, countMax);
      },
      giveBack: (rate: RequestRate, count: number) => buckets.giveBack(rate, count),
    };
    return { clock, quotas: new RequestQuotas(lender, { now }), asked, buckets, lender };
  }

  async function countAdmitted(calls: readonly (Promise<void> | undefined)[]): Promise<number> {
    const settled = await Promise.allSettled(calls);
    for (const each of settled) {
      if (each.status === "fulfilled") continue;
      expect(each.reason).to.be.instanceOf(DomainError);
      expect(each.reason).to.include({ reason: "QUOTA_REQUESTS" });
    }
    return settled.filter(({ status }) => status === "fulfilled").length;
  }

  it("asks nobody where a namespace has no quota", () => {
    const { quotas, asked } = open();
    expect(quotas.admit(sampleNamespace(), "a")).to.equal(undefined);
    expect(asked).to.deep.equal([]);
  });

  it("admits a second's requests at once, and then as many as the time has room for", async () => {
    const { clock, quotas } = open();
    const namespace = sampleNamespace({ requestsPerSecondMax: 20 });
    const burst = (count: number) => countAdmitted(Array.from({ length: count }, () => quotas.admit(namespace, "a")));
    expect(await burst(50)).to.equal(20);
    const refusal = await quotas.admit(namespace, "a")?.catch((error: DomainError) => error);
    expect(refusal?.retryAfterMs).to.be.within(1, 50);
    expect(refusal?.details).to.include({ quota: "requests_per_second_max", quota_max: 20 });
    clock.now += 500;
    expect(await burst(50)).to.equal(10);
  });

  it("asks once for many requests, and for a batch when they come one by one", async () => {
    const { quotas, asked } = open();
    const namespace = sampleNamespace({ requestsPerSecondMax: 100 });
    await countAdmitted(Array.from({ length: 30 }, () => quotas.admit(namespace, "a")));
    for (let request = 0; request < 20; request++) await quotas.admit(namespace, "a");
    expect(asked.map(({ countMax }) => countMax)).to.deep.equal([30, 10, 10]);
  });

  it("asks for as many as wait, also for those who come while it asks", async () => {
    const { lender, asked } = open();
    const { promise, resolve } = Promise.withResolvers<void>();
    const lend = async (rate: RequestRate, countMax: number) => {
      const loan = lender.lend(rate, countMax);
      await promise;
      return await loan;
    };
    const quotas = new RequestQuotas({ ...lender, lend }, { now: () => 0 });
    const namespace = sampleNamespace({ requestsPerSecondMax: 10 });
    const first = quotas.admit(namespace, "a");
    await Promise.resolve();
    const others = [quotas.admit(namespace, "a"), quotas.admit(namespace, "a"), quotas.admit(namespace, "a")];
    resolve();
    expect(await countAdmitted([first, ...others])).to.equal(4);
    expect(asked.map(({ countMax }) => countMax)).to.deep.equal([1, 3]);
  });

  it("keeps what one principal is refused from the quota of all", async () => {
    const { quotas } = open();
    const namespace = sampleNamespace({ requestsPerSecondMax: 30, principalRequestsPerSecondMax: 10 });
    const burst = (principal: string) => Array.from({ length: 100 }, () => quotas.admit(namespace, principal));
    expect(await countAdmitted(burst("a"))).to.equal(10);
    expect(await countAdmitted([...burst("b"), ...burst("c"), ...burst("d")])).to.equal(20);
  });

  it("holds a changed quota at once", async () => {
    const { clock, quotas } = open();
    const burst = (perSecond: number) => {
      const namespace = sampleNamespace({ requestsPerSecondMax: perSecond });
      return countAdmitted(Array.from({ length: 50 }, () => quotas.admit(namespace, "a")));
    };
    expect(await burst(10)).to.equal(10);
    clock.now += 500;
    expect(await burst(40)).to.equal(20);
  });

  describe("of a worker that has no more requests", () => {
    const { pass } = useManualClock();

    it("gives back what was lent and did not come, so that another worker has it", async () => {
      const { quotas, buckets } = open();
      const namespace = sampleNamespace({ requestsPerSecondMax: 100 });
      await quotas.admit(namespace, "a");
      const rate = { key: namespace.name, perSecond: 100 };
      expect(buckets.lend(rate, 1000).count).to.equal(90);
      buckets.giveBack(rate, 90);
      await pass(200);
      expect(buckets.lend(rate, 1000).count).to.equal(99);
    });

    it("gives back what one principal had for a request that the quota of all refused late", async () => {
      const { buckets, lender } = open();
      const { promise: loan, resolve } = Promise.withResolvers<Loan>();
      const namespace = sampleNamespace({ requestsPerSecondMax: 10, principalRequestsPerSecondMax: 10 });
      const lend = (rate: RequestRate, countMax: number) =>
        rate.key === namespace.name ? loan : lender.lend(rate, countMax);
      const quotas = new RequestQuotas({ ...lender, lend }, { now: () => 0 });
      const refused = countAdmitted([quotas.admit(namespace, "a")]);
      await pass(200);
      resolve({ count: 0, waitMs: 1000 });
      expect(await refused).to.equal(0);
      await pass(200);
      expect(buckets.lend({ key: `${namespace.name}/a`, perSecond: 10 }, 1000).count).to.equal(10);
    });
  });
});
