import { randomBytes } from "node:crypto";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Webhook } from "standardwebhooks";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import {
  EventService,
  type Subscription,
  SubscriptionEndReason,
  SubscriptionState,
} from "../../../gen/sluice/v1/event_service_pb.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../../testing/rigs/service/webhook-receiver.ts";
import { until } from "../../testing/rigs/until.ts";
import { catchError } from "../../testing/samples/sample-records.ts";

const BUS = "arn:aws:events:eu-central-1:111122223333:event-bus/files";

describe("subscriptions of EventService, with webhooks that are real servers", () => {
  let service: RunningService;
  let receiver: WebhookReceiver;
  let paths = 0;
  const events = () => createClient(EventService, createGrpcTransport({ baseUrl: service.url }));
  const headers = { headers: { authorization: `Bearer ${SERVICE_TOKEN}` } };
  const named = () => ({ requestId: crypto.randomUUID(), namespace: "default" });
  const put = async (path = `p/${++paths}`) => {
    const url = `${service.url}/v1/namespaces/default/files/${path}`;
    const { status } = await callRest(url, { method: "PUT", token: SERVICE_TOKEN, body: `bytes of ${path}` });
    expect(status).to.be.oneOf([200, 201]);
    return path;
  };
  const subscribe = async (request: { types?: string[]; pathPrefix?: string; webhookUrl?: string } = {}) => {
    const { webhookUrl = receiver.url, ...rest } = request;
    const answer = await events().createSubscription(
      { ...named(), receiver: { case: "webhookUrl", value: webhookUrl }, ...rest },
      headers,
    );
    return { ...(answer.subscription as Subscription), secret: answer.secret };
  };
  const get = async ({ subscriptionId }: { subscriptionId: string }) => {
    const answer = await events().getSubscription({ namespace: "default", subscriptionId }, headers);
    return { ...(answer.subscription as Subscription), letters: answer.deadLetters };
  };
  const refusalOf = async (attempt: Promise<unknown>) => {
    const error = ConnectError.from(await catchError(() => attempt));
    return { code: error.code, reason: error.findDetails(ErrorInfoSchema)[0]?.reason };
  };
  const subjects = () => receiver.received.map(({ event }) => event.subject);

  before(async () => {
    service = await startService({
      settings: {
        SLUICE_TOKEN_KEYS: JSON.stringify([randomBytes(32).toString("base64")]),
        SLUICE_WEBHOOK_NETWORKS: "127.0.0.0/8",
        SLUICE_EVENT_BUSES: BUS,
      },
    });
  });
  beforeEach(async () => {
    receiver = await startWebhookReceiver();
  });
  afterEach(async () => {
    const { subscriptions } = await events().listSubscriptions({ namespace: "default" }, headers);
    for (const { subscriptionId } of subscriptions)
      await events().deleteSubscription({ namespace: "default", subscriptionId }, headers);
    await receiver.close();
  });
  after(async () => await service?.stop());

  it("posts each event once, in order, signed so that the library of Standard Webhooks verifies it", async () => {
    const { secret, subscriptionId } = await subscribe({ pathPrefix: "in/", types: ["sluice.file.committed.v1"] });
    expect(secret).to.match(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const made = [];
    for (const name of ["a", "b", "c"]) made.push(await put(`in/${name}`), await put(`out/${name}`));
    await until("all have come", () => receiver.received.length >= 3);
    const wanted = made.filter((path) => path.startsWith("in/"));
    expect(subjects()).to.deep.equal(wanted);
    const [first] = receiver.received;
    expect(new Webhook(secret).verify(first!.body, first!.headers)).to.deep.equal(first!.event);
    expect(first!.headers["content-type"]).to.equal("application/cloudevents+json; charset=utf-8");
    expect(first!.headers["webhook-id"]).to.equal(first!.event.id);
    const { body } = await callRest(
      `${service.url}/v1/namespaces/default/events?pathPrefix=in/&types=sluice.file.committed.v1`,
      { token: SERVICE_TOKEN },
    );
    expect(receiver.received.map(({ event }) => event)).to.deep.equal(body.events);
    await until("the cursor is behind the last one", async () => {
      const { cursor } = await get({ subscriptionId });
      return Number(cursor.split(".")[1]) >= Number(body.events.at(-1).sequence);
    });
  });

  it("signs with both secrets while one is replaced, and a repeated call returns the same new one", async () => {
    const { secret, subscriptionId } = await subscribe();
    const request = { ...named(), subscriptionId, newSecret: true };
    const replaced = await events().updateSubscription(request, headers);
    expect((await events().updateSubscription(request, headers)).secret).to.equal(replaced.secret);
    expect(replaced.secret).not.to.equal(secret);
    expect(replaced.subscription?.formerSecretEndTime).not.to.equal(undefined);
    await put();
    await until("it has come", () => receiver.received.length > 0);
    const [{ body, headers: sent }] = receiver.received as [WebhookReceiver["received"][number]];
    for (const one of [secret, replaced.secret]) expect(() => new Webhook(one).verify(body, sent)).not.to.throw();
    expect(sent["webhook-signature"]?.split(" ")).to.have.length(2);
  });

  it("ends at once when the receiver answers 410, and goes on where it was once it is made active", async () => {
    receiver.answerWith((_, { response }) => response.writeHead(410).end());
    const subscription = await subscribe();
    const path = await put();
    await until("it has ended", async () => (await get(subscription)).state === SubscriptionState.DEAD);
    const { endReason, failing } = await get(subscription);
    expect(endReason).to.equal(SubscriptionEndReason.GONE);
    expect(failing?.problem).to.equal("the receiver answers with status 410: it wants no events any more");
    expect(receiver.received).to.have.length(1);
    receiver.answerWith();
    const { subscriptionId } = subscription;
    await events().updateSubscription({ ...named(), subscriptionId, state: SubscriptionState.ACTIVE }, headers);
    await until("it has come", () => receiver.received.length === 2);
    expect(subjects()).to.deep.equal([path, path]);
  });

  it("sends nothing while it is paused, and all of it afterwards", async () => {
    const { subscriptionId } = await subscribe();
    const before = await put();
    await until("it is being delivered", () => receiver.received.length === 1);
    const setState = async (state: SubscriptionState) =>
      await events().updateSubscription({ ...named(), subscriptionId, state }, headers);
    const paused = await setState(SubscriptionState.PAUSED);
    expect(paused.subscription?.lapseTime, "it says when it ends").not.to.equal(undefined);
    const first = await put();
    await until("it is told to others", async () => {
      const { events: told } = await events().listEvents({ namespace: "default", pageSize: 1000 }, headers);
      return told.some(({ subject }) => subject === first);
    });
    expect(receiver.received).to.have.length(1);
    await setState(SubscriptionState.ACTIVE);
    const second = await put();
    await until("both have come", () => receiver.received.length === 3);
    expect(subjects()).to.deep.equal([before, first, second]);
  });

  it("sends everything behind a cursor again", async () => {
    const before = await events().listEvents({ namespace: "default", pageSize: 1000 }, headers);
    const { subscriptionId } = await subscribe();
    const path = await put();
    await until("it has come", () => receiver.received.length === 1);
    const wanted = { case: "afterCursor", value: before.cursor } as const;
    await events().redeliverEvents({ ...named(), subscriptionId, events: wanted }, headers);
    await until("it has come again", () => receiver.received.length === 2);
    expect(subjects()).to.deep.equal([path, path]);
    expect(receiver.received[1]?.headers["webhook-id"]).to.equal(receiver.received[0]?.headers["webhook-id"]);
  });

  it("goes on with other subscriptions while one receiver is slow", async () => {
    const slow = await startWebhookReceiver();
    slow.answerWith(() => new Promise(() => {}));
    try {
      await subscribe({ webhookUrl: slow.url });
      await subscribe();
      for (let i = 0; i < 3; i++) await put();
      await until("the others have come", () => receiver.received.length === 3);
      expect(slow.received).to.have.length(1);
    } finally {
      await slow.close();
    }
  });

  it("repeats the answer of a creation by its request id", async () => {
    const request = { ...named(), receiver: { case: "webhookUrl", value: receiver.url } as const };
    const first = await events().createSubscription(request, headers);
    const again = await events().createSubscription(request, headers);
    expect(again.subscription?.subscriptionId).to.equal(first.subscription?.subscriptionId);
    expect(again.secret).to.equal(first.secret);
    const other = { ...request, pathPrefix: "x/" };
    expect(await refusalOf(events().createSubscription(other, headers))).to.deep.equal({
      code: Code.InvalidArgument,
      reason: "REQUEST_ID_REUSED",
    });
  });

  it("refuses receivers that it must not reach", async () => {
    const toCreate = (receiver: { case: "webhookUrl" | "eventBusArn"; value: string } | { case: undefined }) =>
      refusalOf(events().createSubscription({ ...named(), receiver }, headers));
    const urls = [
      ...["http://example.org/", "https://user:secret@example.org/", "https://example.org/#x", "ftp://example.org/"],
      ...["https://example.org:22/", "https://169.254.169.254/", "https://[::ffff:10.0.0.1]/", "https://0x0a000001/"],
      ...["https://[64:ff9b::a9fe:a9fe]/", "https://[fd00:ec2::254]/", `https://example.org/${"x".repeat(2000)}`, "no"],
    ];
    const refused = { code: Code.InvalidArgument, reason: "ARGUMENT_INVALID" };
    for (const value of urls) expect(await toCreate({ case: "webhookUrl", value }), value).to.deep.equal(refused);
    expect(await toCreate({ case: "eventBusArn", value: BUS.replace("files", "others") })).to.deep.equal(refused);
    expect(await toCreate({ case: undefined })).to.deep.equal(refused);
  });

  it("takes 20 subscriptions of a namespace, and no more", async () => {
    const toCreate = () =>
      events().createSubscription({ ...named(), receiver: { case: "eventBusArn", value: BUS } }, headers);
    const made = await Promise.allSettled(Array.from({ length: 22 }, toCreate));
    expect(made.filter(({ status }) => status === "fulfilled")).to.have.length(20);
    expect(await refusalOf(toCreate())).to.deep.equal({ code: Code.FailedPrecondition, reason: "SUBSCRIPTIONS_FULL" });
  });
});
