import { expect } from "chai";
import { Webhook } from "standardwebhooks";
import type { Delivery } from "../domain/subscriptions/delivery.ts";
import { fromNow } from "../testing/rigs/from-now.ts";
import { AddressRefused, type WebhookAnswer } from "./webhook-client.ts";
import { createWebhookSender } from "./webhook-sender.ts";

const DELIVERY: Delivery = {
  eventId: "0190a3b4-5c6d-7e8f-9a0b-0000000000bb",
  sequence: 7,
  namespace: "default",
  type: "sluice.file.committed.v1",
  time: new Date(0),
  json: '{"id":"0190a3b4-5c6d-7e8f-9a0b-0000000000bb","subject":"ä/€"}',
  briefJson: "{}",
};
/** Within the five minutes that the library of Standard Webhooks takes by its own clock. */
const NOW = fromNow(-60_000);
const { signal } = new AbortController();

describe("createWebhookSender", () => {
  const secrets = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const send = async (post: () => Promise<Partial<WebhookAnswer>>) => {
    const answer = async () => ({ status: 200, retryAfter: undefined, ...(await post()) });
    const sender = createWebhookSender({ post: answer }, { url: "https://a/", secrets, now: () => NOW });
    return await sender.send([DELIVERY, DELIVERY], { signal });
  };
  const failureOf = async (post: () => Promise<Partial<WebhookAnswer>>) => (await send(post)).failure;

  it("sends one event a request, which the library of Standard Webhooks verifies by either secret", async () => {
    let sent: { headers: Record<string, string>; body: string } | undefined;
    const sender = createWebhookSender(
      {
        post: async (_url, options) => {
          sent = options;
          return { status: 201, retryAfter: undefined };
        },
      },
      { url: "https://a/", secrets, now: () => NOW },
    );
    expect(sender.batchMax).to.equal(1);
    expect(await sender.send([DELIVERY, DELIVERY], { signal })).to.deep.equal({ delivered: 1, failure: undefined });
    for (const secret of secrets) {
      const webhook = new Webhook(`whsec_${secret.toString("base64")}`);
      expect(webhook.verify(sent?.body ?? "", sent?.headers ?? {})).to.deep.equal(JSON.parse(DELIVERY.json));
    }
    const other = new Webhook(`whsec_${Buffer.alloc(32, 3).toString("base64")}`);
    expect(() => other.verify(sent?.body ?? "", sent?.headers ?? {})).to.throw(/No matching signature/);
  });

  it("tells what is about the event from what is about the receiver", async () => {
    const kinds = async (statuses: number[]) =>
      await Promise.all(statuses.map(async (status) => (await failureOf(async () => ({ status })))?.kind));
    expect(await kinds([200, 202, 299])).to.deep.equal([undefined, undefined, undefined]);
    expect(new Set(await kinds([400, 413, 422, 500, 501]))).to.deep.equal(new Set(["event"]));
    expect(new Set(await kinds([301, 307, 401, 403, 404, 429, 502, 503, 504]))).to.deep.equal(new Set(["receiver"]));
    expect(await kinds([410])).to.deep.equal(["gone"]);
  });

  it("hears how long the receiver asks to wait", async () => {
    const waits = async (retryAfter: string) =>
      (await failureOf(async () => ({ status: 503, retryAfter })))?.retryAfterMs;
    expect(await waits("120")).to.equal(120_000);
    const inAMinute = new Date(Math.ceil(NOW.getTime() / 1000) * 1000 + 60_000);
    expect(await waits(inAMinute.toUTCString())).to.be.within(60_000, 61_000);
    expect(await waits(new Date(0).toUTCString())).to.equal(0);
    expect(await waits("soon")).to.equal(undefined);
  });

  it("says why a connection failed, and quotes no text of anybody else", async () => {
    const failWith = (error: Error) => failureOf(() => Promise.reject(error));
    expect(await failWith(new AddressRefused("10.0.0.1"))).to.deep.equal({
      kind: "receiver",
      problem: "the name of the receiver has an address that webhooks may not reach",
    });
    expect(await failWith(Object.assign(new Error("connect 10.0.0.1:443"), { code: "ECONNREFUSED" }))).to.deep.equal({
      kind: "receiver",
      problem: "the receiver cannot be reached (ECONNREFUSED)",
    });
    expect((await failWith(Object.assign(new Error(), { code: "<b>secret</b>" })))?.problem).to.contain(
      "(no connection)",
    );
    expect(await failWith(new DOMException("late", "TimeoutError"))).to.deep.equal({
      kind: "event",
      problem: "the receiver does not answer in time",
    });
  });
});
