import type { EventBridgeClient, PutEventsRequestEntry, PutEventsResultEntry } from "@aws-sdk/client-eventbridge";
import type { Delivery, DeliveryFailure, EventSender } from "../domain/subscriptions/delivery.ts";
import { toAwsTrace } from "../telemetry/root-span.ts";

/** Bounds of PutEvents: docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
export const BUS_LIMITS = {
  entriesMax: 10,
  /** All entries together, in bytes, as `toEntryBytes` counts them. */
  requestMaxBytes: 256 * 1024,
  /** Time for a call, in milliseconds. */
  timeoutMs: 15_000,
} as const;

/** The `source` of the events, by which rules choose them. */
const SOURCE = "sluice";
/** Bytes that a time counts. */
const TIME_BYTES = 14;

/** Codes of an entry that say something of the bus and nothing of the event. */
const OF_BUS =
  /^(?:Throttling|Internal|ServiceUnavailable|AccessDenied|NotAuthorized|ResourceNotFound|LimitExceeded|KMS)/;

/** Calls EventBridge of a region. */
export type PutEvents = (
  entries: PutEventsRequestEntry[],
  options: { signal: AbortSignal },
) => Promise<readonly PutEventsResultEntry[]>;

/**
 * Sends events to a bus of EventBridge, up to ten a call. A call takes some entries and refuses others: the events behind the first one
 * that was refused are sent again after it, so that none is missing and the order is repaired.
 */
export function createBusSender(
  putEvents: PutEvents,
  { arn, requestMaxBytes = BUS_LIMITS.requestMaxBytes }: { arn: string; requestMaxBytes?: number },
): EventSender {
  return {
    batchMax: BUS_LIMITS.entriesMax,
    send: async (deliveries, { signal }) => {
      const entries = takeEntries(deliveries, { arn, requestMaxBytes });
      if (entries.length === 0 && deliveries.length > 0)
        return { delivered: 0, failure: { kind: "event", problem: "the event is larger than EventBridge takes" } };
      try {
        const results = await putEvents(entries, {
          signal: AbortSignal.any([signal, AbortSignal.timeout(BUS_LIMITS.timeoutMs)]),
        });
        // A missing result is none that confirms.
        const refused = entries.findIndex((_, i) => results[i]?.EventId === undefined);
        if (refused === -1) return { delivered: entries.length, failure: undefined };
        return { delivered: refused, failure: toEntryFailure(results[refused]?.ErrorCode) };
      } catch (error) {
        signal.throwIfAborted();
        const name = error instanceof Error ? error.name : "no answer";
        return { delivered: 0, failure: { kind: "receiver", problem: `EventBridge refuses the call (${name})` } };
      }
    },
  };
}

/** The size of an entry as AWS counts it: docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html */
export function toEntryBytes({ Time, Source = "", DetailType = "", Detail = "" }: PutEventsRequestEntry): number {
  const texts = [Source, DetailType, Detail].map((text) => Buffer.byteLength(text));
  return texts.reduce((sum, bytes) => sum + bytes, Time === undefined ? 0 : TIME_BYTES);
}

/** The first events that fit into one call. One that is too large by itself is sent in brief. */
function takeEntries(
  deliveries: readonly Delivery[],
  { arn, requestMaxBytes }: { arn: string; requestMaxBytes: number },
): PutEventsRequestEntry[] {
  const entries: PutEventsRequestEntry[] = [];
  let bytes = 0;
  for (const delivery of deliveries.slice(0, BUS_LIMITS.entriesMax)) {
    const whole = toEntry(delivery, { arn, detail: delivery.json });
    const entry =
      toEntryBytes(whole) <= requestMaxBytes ? whole : toEntry(delivery, { arn, detail: delivery.briefJson });
    bytes += toEntryBytes(entry);
    if (bytes > requestMaxBytes) break;
    entries.push(entry);
  }
  return entries;
}

function toEntry({ type, time }: Delivery, { arn, detail }: { arn: string; detail: string }): PutEventsRequestEntry {
  const trace = toAwsTrace();
  const entry = { EventBusName: arn, Source: SOURCE, DetailType: type, Detail: detail, Time: time };
  return trace === undefined ? entry : { ...entry, TraceHeader: trace };
}

function toEntryFailure(code = "no result"): DeliveryFailure {
  const kind = OF_BUS.test(code) ? "receiver" : "event";
  return { kind, problem: `EventBridge refuses the event (${code})` };
}

/** The clients of EventBridge by region, each made when it is first needed: most services have no bus. */
export function createBusClients(): { putEvents: (region: string) => PutEvents; close: () => void } {
  const clients = new Map<string, Promise<EventBridgeClient>>();
  const open = async (region: string) => {
    const { EventBridgeClient } = await import("@aws-sdk/client-eventbridge");
    // The deliverer tries again, and one call for each try is what its times are made for.
    return new EventBridgeClient({ region, maxAttempts: 1 });
  };
  return {
    putEvents:
      (region) =>
      async (entries, { signal }) => {
        const client = clients.get(region) ?? open(region);
        clients.set(region, client);
        const { PutEventsCommand } = await import("@aws-sdk/client-eventbridge");
        const { Entries = [] } = await (await client).send(new PutEventsCommand({ Entries: entries }), {
          abortSignal: signal,
        });
        return Entries;
      },
    close: () => {
      for (const client of clients.values()) client.then((one) => one.destroy()).catch(() => {});
    },
  };
}
