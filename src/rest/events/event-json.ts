import { EventSchema, type Event as WireEvent } from "../../../gen/sluice/v1/event_service_pb.ts";
import { formatCursor } from "../../domain/journal/event-log.ts";
import type { Delivery } from "../../domain/subscriptions/delivery.ts";
import type { ToldEvent } from "../../queries/events/list-events.ts";
import { toEventMessage } from "../../rpc/messages/event-message.ts";
import { toMessageJson } from "../answers.ts";

/** An event in the JSON format of CloudEvents (github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). */
export function toEventJson(event: WireEvent): string {
  return JSON.stringify(toMessageJson(EventSchema, event));
}

/**
 * An event as receivers get it; the same as those who watch do. In brief it has no paths, and says by the extension `dataref` where the
 * whole event is: `publicUrl` is where callers reach the service.
 */
export function toDelivery(told: ToldEvent, { publicUrl, origin }: { publicUrl: string; origin: string }): Delivery {
  const { eventId, sequence, namespace, type, time, cause } = told.event;
  const message = toEventMessage(told);
  const before = formatCursor({ origin, sequence: sequence - 1 });
  const { subject: _, data: _paths, ...brief } = toMessageJson(EventSchema, message) as Record<string, unknown>;
  const dataref = `${publicUrl}/v1/namespaces/${namespace}/events?cursor=${before}&pageSize=1`;
  const json = toEventJson(message);
  return { eventId, sequence, namespace, type, time, json, briefJson: JSON.stringify({ ...brief, dataref }), cause };
}
