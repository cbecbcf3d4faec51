import type { PutEventsRequestEntry, PutEventsResultEntry } from "@aws-sdk/client-eventbridge";
import { expect } from "chai";
import type { Delivery } from "../domain/subscriptions/delivery.ts";
import { BUS_LIMITS, createBusSender, toEntryBytes } from "./bus-sender.ts";

const ARN = "arn:aws:events:eu-central-1:111122223333:event-bus/files";
const TYPE = "sluice.file.committed.v1";
const { signal } = new AbortController();

const toDelivery = (sequence: number, bytes = 100): Delivery => ({
  eventId: `event-${sequence}`,
  sequence,
  namespace: "default",
  type: TYPE,
  time: new Date(0),
  json: JSON.stringify({ id: `event-${sequence}`, text: "ü".repeat(bytes / 2) }),
  briefJson: JSON.stringify({ id: `event-${sequence}`, dataref: "https://files.example.org/…" }),
});
const toIds = (entries: PutEventsRequestEntry[]) => entries.map(({ Detail = "" }) => JSON.parse(Detail).id);
const taken: PutEventsResultEntry = { EventId: "1" };

describe("createBusSender", () => {
  let calls: PutEventsRequestEntry[][];
  beforeEach(() => {
    calls = [];
  });
  /** A bus that answers as scripted. */
  const toSender = (answer: (entries: PutEventsRequestEntry[]) => PutEventsResultEntry[], requestMaxBytes?: number) =>
    createBusSender(
      async (entries) => {
        calls.push(entries);
        return answer(entries);
      },
      { arn: ARN, ...(requestMaxBytes !== undefined && { requestMaxBytes }) },
    );
  const takeAll = (entries: PutEventsRequestEntry[]) => entries.map(() => taken);

  it("sends as many as a call takes, each with its type and the CloudEvent", async () => {
    const sender = toSender(takeAll);
    const deliveries = Array.from({ length: 12 }, (_, i) => toDelivery(i));
    expect(await sender.send(deliveries, { signal })).to.deep.equal({ delivered: 10, failure: undefined });
    expect(calls[0]).to.have.length(BUS_LIMITS.entriesMax);
    expect(calls[0]?.[0]).to.deep.equal({
      EventBusName: ARN,
      Source: "sluice",
      DetailType: TYPE,
      Detail: deliveries[0]?.json,
      Time: new Date(0),
    });
  });

  it("counts bytes as AWS does, and begins another call where they do not fit", async () => {
    const one = toEntryBytes({ Source: "sluice", DetailType: TYPE, Detail: toDelivery(0).json, Time: new Date(0) });
    expect(one).to.equal(14 + 6 + TYPE.length + Buffer.byteLength(toDelivery(0).json));
    const deliveries = [0, 1, 2].map((i) => toDelivery(i));
    expect((await toSender(takeAll, 2 * one).send(deliveries, { signal })).delivered).to.equal(2);
    expect((await toSender(takeAll, 2 * one - 1).send(deliveries, { signal })).delivered).to.equal(1);
  });

  it("stops at the first event that is refused, so that none overtakes it for good", async () => {
    const refused = { ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed." };
    const sender = toSender((entries) => entries.map((_, i) => (i === 2 ? refused : taken)));
    const deliveries = Array.from({ length: 5 }, (_, i) => toDelivery(i));
    const { delivered, failure } = await sender.send(deliveries, { signal });
    expect(delivered).to.equal(2);
    expect(failure).to.deep.equal({ kind: "event", problem: "EventBridge refuses the event (MalformedDetail)" });
    const rest = deliveries.slice(delivered);
    await sender.send(rest, { signal });
    expect(toIds(calls[1] as PutEventsRequestEntry[])).to.deep.equal(["event-2", "event-3", "event-4"]);
  });

  it("blames the bus and no event when EventBridge has no room", async () => {
    for (const ErrorCode of ["ThrottlingException", "InternalFailure", "AccessDeniedException"]) {
      const { failure } = await toSender(() => [{ ErrorCode }]).send([toDelivery(0)], { signal });
      expect(failure?.kind, ErrorCode).to.equal("receiver");
    }
    const throttled = createBusSender(
      async () => {
        throw Object.assign(new Error("Rate exceeded for account 111122223333"), { name: "ThrottlingException" });
      },
      { arn: ARN },
    );
    expect(await throttled.send([toDelivery(0)], { signal })).to.deep.equal({
      delivered: 0,
      failure: { kind: "receiver", problem: "EventBridge refuses the call (ThrottlingException)" },
    });
  });

  it("takes an answer without a result for an event as no confirmation", async () => {
    const { delivered, failure } = await toSender(() => [taken]).send([toDelivery(0), toDelivery(1)], { signal });
    expect([delivered, failure?.kind]).to.deep.equal([1, "event"]);
  });

  it("sends an event that is too large in brief, with a link to the whole one", async () => {
    const brief = 14 + 6 + TYPE.length + Buffer.byteLength(toDelivery(1).briefJson);
    const sender = toSender(takeAll, brief);
    expect(await sender.send([toDelivery(1, 1000)], { signal })).to.deep.equal({ delivered: 1, failure: undefined });
    expect(JSON.parse(calls[0]?.[0]?.Detail ?? "")).to.have.keys("id", "dataref");
    expect((await toSender(takeAll, brief - 1).send([toDelivery(1, 1000)], { signal })).failure?.kind).to.equal(
      "event",
    );
  });

  it("ends with the reason of the signal", async () => {
    const reason = new Error("the service stops");
    const sender = createBusSender((_entries, options) => Promise.reject(options.signal.reason), { arn: ARN });
    const rejection = await sender.send([toDelivery(0)], { signal: AbortSignal.abort(reason) }).catch((error) => error);
    expect(rejection).to.equal(reason);
  });
});
