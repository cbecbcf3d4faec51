import type { Caller } from "../../domain/caller.ts";
import { parseUuid, toCommandIdentity } from "../../domain/command-identity.ts";
import { invalidArgument } from "../../domain/errors.ts";
import type { EventLog } from "../../domain/journal/event-log.ts";
import { requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { Subscription } from "../../domain/subscriptions/subscription.ts";
import type { Redelivery } from "../../domain/subscriptions/subscription-repository.ts";
import { assertWithin, parseCursor } from "../../queries/events/event-cursor.ts";
import type { SubscriptionAccess } from "./create-subscription.ts";

/** What is sent again. */
export type WantedEvents =
  | { kind: "dead-letters" }
  /** All behind a cursor; with an empty one all that are kept. */
  | { kind: "after-cursor"; cursor: string }
  /** None of those that there are now. */
  | { kind: "only-new" };

/** What a subscription sends again. */
export interface RedeliverEventsRequest {
  requestId: string;
  namespace: string;
  subscriptionId: string;
  /** Undefined when the request says none. */
  wanted: WantedEvents | undefined;
}

/**
 * Sends the dead letters of a subscription again, or moves its cursor. It does so once the subscription is active. Repeating the call with
 * the same request id changes nothing. Errors: `not_found / SUBSCRIPTION_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID`,
 * `failed_precondition / EVENTS_RESET`.
 */
export async function redeliverEvents(
  { subscriptions, events, namespaces }: Pick<SubscriptionAccess, "subscriptions" | "events" | "namespaces">,
  request: RedeliverEventsRequest,
  { caller }: { caller: Caller },
): Promise<Subscription> {
  const namespace = requireNamespace(namespaces, request.namespace).name;
  const subscriptionId = parseUuid(request.subscriptionId, "subscription_id");
  const { wanted } = request;
  if (wanted === undefined)
    throw invalidArgument("events", "events is missing; send dead_letters, after_cursor or only_new");
  const identity = toCommandIdentity(caller, "RedeliverEvents", {
    namespace,
    requestId: request.requestId,
    content: [subscriptionId, wanted],
  });
  const redelivery = await toRedelivery(wanted, events);
  return await subscriptions.redeliver(namespace, subscriptionId, { redelivery, identity });
}

async function toRedelivery(wanted: WantedEvents, events: Pick<EventLog, "bounds">): Promise<Redelivery> {
  if (wanted.kind === "dead-letters") return { letters: "all" };
  const asked = wanted.kind === "after-cursor" ? parseCursor(wanted.cursor) : undefined;
  const bounds = await events.bounds();
  if (asked !== undefined) {
    assertWithin(asked, bounds);
    return { from: asked };
  }
  const { origin, first, last } = bounds;
  return { from: { origin, sequence: wanted.kind === "only-new" ? last : first - 1 } };
}
