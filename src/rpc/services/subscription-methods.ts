import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  CreateSubscriptionResponseSchema,
  DeleteSubscriptionResponseSchema,
  type EventService,
  GetSubscriptionResponseSchema,
  ListSubscriptionsResponseSchema,
  RedeliverEventsResponseSchema,
  UpdateSubscriptionResponseSchema,
} from "../../../gen/sluice/v1/event_service_pb.ts";
import type { CreateSubscriptionRequest } from "../../commands/subscriptions/create-subscription.ts";
import type { RedeliverEventsRequest } from "../../commands/subscriptions/redeliver-events.ts";
import type { UpdateSubscriptionRequest } from "../../commands/subscriptions/update-subscription.ts";
import type { DeadLetter, Subscription } from "../../domain/subscriptions/subscription.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import {
  fromReceiverMessage,
  fromStateMessage,
  fromWantedMessage,
  toDeadLetterMessage,
  toSubscriptionMessage,
} from "../messages/subscription-message.ts";

/** A request that names a subscription and nothing else. */
export interface SubscriptionName {
  namespace: string;
  subscriptionId: string;
}

/** The functions for subscriptions that EventService calls. */
export interface SubscriptionFunctions {
  createSubscription(
    request: CreateSubscriptionRequest,
    options: CallOptions,
  ): Promise<{ subscription: Subscription; secret: string }>;
  getSubscription(
    request: SubscriptionName,
    options: CallOptions,
  ): Promise<{ subscription: Subscription; deadLetters: DeadLetter[] }>;
  listSubscriptions(request: { namespace: string }, options: CallOptions): Promise<Subscription[]>;
  updateSubscription(
    request: UpdateSubscriptionRequest,
    options: CallOptions,
  ): Promise<{ subscription: Subscription; secret: string }>;
  deleteSubscription(request: SubscriptionName, options: CallOptions): Promise<void>;
  redeliverEvents(request: RedeliverEventsRequest, options: CallOptions): Promise<Subscription>;
}

/** The methods for subscriptions of EventService. */
export function createSubscriptionMethods(
  functions: SubscriptionFunctions,
): Omit<ServiceImpl<typeof EventService>, "listEvents" | "watchEvents"> {
  return {
    createSubscription: async ({ $typeName: _, receiver, ...request }, context) => {
      const wish = { ...request, receiver: fromReceiverMessage(receiver) };
      const { subscription, secret } = await functions.createSubscription(wish, toCallOptions(context));
      return create(CreateSubscriptionResponseSchema, { subscription: toSubscriptionMessage(subscription), secret });
    },
    getSubscription: async ({ namespace, subscriptionId }, context) => {
      const found = await functions.getSubscription({ namespace, subscriptionId }, toCallOptions(context));
      const deadLetters = found.deadLetters.map(toDeadLetterMessage);
      return create(GetSubscriptionResponseSchema, {
        subscription: toSubscriptionMessage(found.subscription),
        deadLetters,
      });
    },
    listSubscriptions: async ({ namespace }, context) => {
      const subscriptions = await functions.listSubscriptions({ namespace }, toCallOptions(context));
      return create(ListSubscriptionsResponseSchema, { subscriptions: subscriptions.map(toSubscriptionMessage) });
    },
    updateSubscription: async ({ requestId, namespace, subscriptionId, state, newSecret }, context) => {
      const request = { requestId, namespace, subscriptionId, state: fromStateMessage(state), newSecret };
      const { subscription, secret } = await functions.updateSubscription(request, toCallOptions(context));
      return create(UpdateSubscriptionResponseSchema, { subscription: toSubscriptionMessage(subscription), secret });
    },
    deleteSubscription: async ({ namespace, subscriptionId }, context) => {
      await functions.deleteSubscription({ namespace, subscriptionId }, toCallOptions(context));
      return create(DeleteSubscriptionResponseSchema);
    },
    redeliverEvents: async ({ requestId, namespace, subscriptionId, events }, context) => {
      const request = { requestId, namespace, subscriptionId, wanted: fromWantedMessage(events) };
      const subscription = await functions.redeliverEvents(request, toCallOptions(context));
      return create(RedeliverEventsResponseSchema, { subscription: toSubscriptionMessage(subscription) });
    },
  };
}
