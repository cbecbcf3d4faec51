import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type CreateSubscriptionRequest,
  DeadLetterSchema,
  DeliveryFailingSchema,
  type RedeliverEventsRequest,
  SubscriptionEndReason,
  SubscriptionSchema,
  SubscriptionState,
  type DeadLetter as WireDeadLetter,
  type Subscription as WireSubscription,
} from "../../../gen/sluice/v1/event_service_pb.ts";
import type { WantedEvents } from "../../commands/subscriptions/redeliver-events.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { formatCursor } from "../../domain/journal/event-log.ts";
import {
  type DeadLetter,
  type EndReason,
  type Failing,
  type Receiver,
  type SubscriptionState as State,
  type Subscription,
  toLapseTime,
} from "../../domain/subscriptions/subscription.ts";

const STATES = {
  active: SubscriptionState.ACTIVE,
  paused: SubscriptionState.PAUSED,
  dead: SubscriptionState.DEAD,
} as const satisfies Record<State, SubscriptionState>;

const END_REASONS = {
  gone: SubscriptionEndReason.GONE,
  lapsed: SubscriptionEndReason.LAPSED,
  "events-reset": SubscriptionEndReason.EVENTS_RESET,
} as const satisfies Record<EndReason, SubscriptionEndReason>;

/** A subscription as the API shows it. */
export function toSubscriptionMessage(subscription: Subscription): WireSubscription {
  const { namespace, subscriptionId, receiver, types, pathPrefix, principal } = subscription;
  const { state, endReason, failing, formerSecretUntil, deadLetters } = subscription;
  const lapseTime = toLapseTime(subscription);
  return create(SubscriptionSchema, {
    namespace,
    subscriptionId,
    receiver:
      receiver.kind === "webhook"
        ? { case: "webhookUrl", value: receiver.url }
        : { case: "eventBusArn", value: receiver.arn },
    types: [...types],
    pathPrefix,
    principal,
    createTime: timestampFromDate(subscription.createTime),
    state: STATES[state],
    ...(endReason !== undefined && { endReason: END_REASONS[endReason] }),
    stateTime: timestampFromDate(subscription.stateTime),
    cursor: formatCursor(subscription.cursor),
    progressTime: timestampFromDate(subscription.progressTime),
    ...(failing !== undefined && { failing: toFailingMessage(failing) }),
    ...(lapseTime !== undefined && { lapseTime: timestampFromDate(lapseTime) }),
    ...(formerSecretUntil !== undefined && { formerSecretEndTime: timestampFromDate(formerSecretUntil) }),
    deadLetters: BigInt(deadLetters),
  });
}

/** A dead letter as the API shows it. */
export function toDeadLetterMessage({
  eventId,
  sequence,
  failures,
  problem,
  time,
  isWanted,
}: DeadLetter): WireDeadLetter {
  return create(DeadLetterSchema, {
    ...{ eventId, sequence: BigInt(sequence), failures, problem },
    ...{ time: timestampFromDate(time), isWanted },
  });
}

/** Who a request names to receive events; undefined for nobody. */
export function fromReceiverMessage({
  case: kind,
  value,
}: CreateSubscriptionRequest["receiver"]): Receiver | undefined {
  if (kind === undefined) return undefined;
  return kind === "webhookUrl" ? { kind: "webhook", url: value } : { kind: "event-bus", arn: value };
}

/** The state that a request asks for; undefined for none. */
export function fromStateMessage(state: SubscriptionState): "active" | "paused" | undefined {
  switch (state) {
    case SubscriptionState.UNSPECIFIED:
      return undefined;
    case SubscriptionState.ACTIVE:
      return "active";
    case SubscriptionState.PAUSED:
      return "paused";
    default:
      throw invalidArgument("state", `state is ${state}; send ACTIVE or PAUSED, or DeleteSubscription to end it`);
  }
}

/** The events that a request asks for; undefined for none. A switch that is off asks for none. */
export function fromWantedMessage({ case: kind, value }: RedeliverEventsRequest["events"]): WantedEvents | undefined {
  if (kind === undefined || value === false) return undefined;
  if (kind === "afterCursor") return { kind: "after-cursor", cursor: value };
  return { kind: kind === "deadLetters" ? "dead-letters" : "only-new" };
}

function toFailingMessage({ failures, since, lastTime, nextTime, problem }: Failing) {
  return create(DeliveryFailingSchema, {
    failures,
    sinceTime: timestampFromDate(since),
    lastTime: timestampFromDate(lastTime),
    nextTime: timestampFromDate(nextTime),
    problem,
  });
}
