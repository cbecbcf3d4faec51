import { EventEmitter } from "node:events";
import { expect } from "chai";
import { RequestBuckets, type RequestLender } from "../domain/limits/request-lender.ts";
import { RequestQuotas } from "../domain/namespaces/request-quotas.ts";
import { sampleNamespace } from "../testing/samples/sample-records.ts";
import { lendRequests, WorkerRequests } from "./worker-requests.ts";
import { channelOf } from "./worker-slots.ts";

/** Both ends of a worker, joined without a process: each receives the other's messages at once. */
function createWorker(lender: RequestLender, { workers = 2, now = () => 0 } = {}) {
  const messages: unknown[] = [];
  const inside = Object.assign(new EventEmitter(), {
    connected: true,
    send: (message: unknown) => {
      messages.push(message);
      outside.emit("message", message);
    },
  });
  const outside = Object.assign(new EventEmitter(), {
    isConnected: () => inside.connected,
    send: (message: unknown) => inside.emit("message", message),
  });
  lendRequests(lender, outside as unknown as Parameters<typeof lendRequests>[1]);
  const requests = new WorkerRequests(channelOf(inside as unknown as NodeJS.Process), { workers });
  return { quotas: new RequestQuotas(requests, { now }), requests, messages, inside };
}

describe("Requests of workers", () => {
  const namespace = sampleNamespace({ requestsPerSecondMax: 400 });
  const burst = async ({ quotas }: ReturnType<typeof createWorker>, count: number) => {
    const calls = Array.from({ length: count }, () => quotas.admit(namespace, "a"));
    return (await Promise.allSettled(calls)).filter(({ status }) => status === "fulfilled").length;
  };

  it("are counted for all workers together", async () => {
    const buckets = new RequestBuckets({ now: () => 0 });
    const [one, other] = [createWorker(buckets), createWorker(buckets)];
    const admitted = await Promise.all([burst(one, 300), burst(other, 300)]);
    expect(admitted[0] + admitted[1]).to.equal(400);
  });

  it("are lent in batches, so that a worker asks for a tenth of its requests", async () => {
    const worker = createWorker(new RequestBuckets({ now: () => 0 }));
    for (let request = 0; request < 100; request++) await worker.quotas.admit(namespace, "a");
    expect(worker.messages).to.have.lengthOf(10);
  });

  it("are admitted while a supervisor does not answer", async () => {
    const worker = createWorker(new RequestBuckets({ now: () => 0 }));
    worker.inside.connected = false;
    expect(await burst(worker, 3)).to.equal(3);
  });

  it("are given back by a worker that does not use them", () => {
    const buckets = new RequestBuckets({ now: () => 0 });
    const rate = { key: "a", perSecond: 10 };
    const { requests } = createWorker(buckets);
    expect(buckets.lend(rate, 10).count).to.equal(10);
    requests.giveBack(rate, 4);
    expect(buckets.lend(rate, 10).count).to.equal(4);
  });
});
