import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import { expect } from "chai";
import { parse } from "yaml";
import type { Delivery } from "../domain/subscriptions/delivery.ts";
import { type Moto, startMoto } from "../testing/aws/live/moto.ts";
import { testedBlock } from "../testing/structure/pages.ts";
import { createBusClients, createBusSender } from "./bus-sender.ts";

const REGION = "eu-central-1";

describe("a bus of moto's EventBridge", () => {
  let moto: Moto | undefined;
  let client: EventBridgeClient;
  const clients = createBusClients();

  before(async function () {
    const started = await startMoto();
    if (typeof started === "string") {
      console.log(`    skipped: ${started}`);
      return this.skip();
    }
    moto = started;
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_EVENTBRIDGE: moto.url,
      AWS_ACCESS_KEY_ID: "any",
      AWS_SECRET_ACCESS_KEY: "any",
    });
    client = new EventBridgeClient({ region: REGION });
  });
  after(async () => {
    delete process.env.AWS_ENDPOINT_URL_EVENTBRIDGE;
    clients.close();
    client?.destroy();
    await moto?.stop();
  });

  /** Calls SQS by its query protocol; moto takes any signature. */
  const callQueue = async (parameters: Readonly<Record<string, string>>) => {
    const credential = `any/20260101/${REGION}/sqs/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=any`;
    const body = new URLSearchParams({ Version: "2012-11-05", ...parameters });
    const answer = await fetch(`${moto?.url}/`, { method: "POST", headers: { authorization }, body });
    return await answer.text();
  };
  const toDelivery = (sequence: number, subject: string): Delivery => {
    const type = "sluice.file.committed.v1";
    const event = { id: `event-${sequence}`, source: "/namespaces/default", specversion: "1.0", type, subject };
    const common = { eventId: event.id, sequence, namespace: "default", type, time: new Date(0) };
    return { ...common, json: JSON.stringify(event), briefJson: "{}" };
  };

  it("takes events by tens, whose rule on the page of events finds what it looks for", async () => {
    const template = parse(testedBlock("events", "EventBridge", "yaml"), { logLevel: "silent" });
    const { Bus, Rule } = template.Resources;
    const { EventBusArn = "" } = await client.send(new CreateEventBusCommand(Bus.Properties));
    const rule = { Name: "committed", EventBusName: Bus.Properties.Name };
    await client.send(new PutRuleCommand({ ...rule, EventPattern: JSON.stringify(Rule.Properties.EventPattern) }));
    await callQueue({ Action: "CreateQueue", QueueName: "told" });
    const queue = `arn:aws:sqs:${REGION}:${EventBusArn.split(":")[4]}:told`;
    await client.send(
      new PutTargetsCommand({
        Rule: rule.Name,
        EventBusName: rule.EventBusName,
        Targets: [{ Id: "queue", Arn: queue }],
      }),
    );
    const sender = createBusSender(clients.putEvents(REGION), { arn: EventBusArn });
    const deliveries = Array.from({ length: 12 }, (_, i) =>
      toDelivery(i, i % 3 === 0 ? `invoices/${i}` : `other/${i}`),
    );
    const signal = new AbortController().signal;
    expect(await sender.send(deliveries, { signal })).to.deep.equal({ delivered: 10, failure: undefined });
    expect(await sender.send(deliveries.slice(10), { signal })).to.deep.equal({ delivered: 2, failure: undefined });
    const QueueUrl = `${moto?.url}/${EventBusArn.split(":")[4]}/told`;
    const received = await callQueue({ Action: "ReceiveMessage", QueueUrl, MaxNumberOfMessages: "10" });
    const bodies = [...received.matchAll(/<Body>(.*?)<\/Body>/gs)].map(([, body = ""]) =>
      JSON.parse(body.replaceAll("&quot;", '"').replaceAll("&amp;", "&")),
    );
    expect(bodies.map((body) => [body.source, body["detail-type"], body.detail.subject])).to.have.deep.members(
      [0, 3, 6, 9].map((i) => ["sluice", "sluice.file.committed.v1", `invoices/${i}`]),
    );
  });
});
