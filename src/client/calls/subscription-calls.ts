import {
  type CreateSubscriptionResponse,
  EventService,
  type GetSubscriptionResponse,
  type Subscription,
  SubscriptionState,
  type UpdateSubscriptionResponse,
} from "../../../gen/sluice/v1/event_service_pb.ts";
import { type Call, type CallOptions, present } from "./call.ts";

/** Who receives events: a webhook, or a bus of EventBridge. */
export type ReceiverOption = { webhookUrl: string } | { eventBusArn: string };

/** The events of a subscription. */
export interface SubscriptionOptions {
  /** For instance "sluice.file.committed.v1"; all when left out. */
  types?: readonly string[];
  /** Beginning of the paths; all when left out. */
  pathPrefix?: string;
  /** The events behind it are delivered; those from now on when left out. */
  cursor?: string;
}

/** What is sent again: the dead letters, all events behind a cursor (an empty one: all that are kept), or none of those until now. */
export type RedeliveryOption = { deadLetters: true } | { afterCursor: string } | { onlyNew: true };

/** The methods for subscriptions; they reject as all unary calls do. */
export interface SubscriptionCalls {
  /** The secret of a webhook is shown now and never again. */
  createSubscription(
    receiver: ReceiverOption,
    options?: CallOptions & SubscriptionOptions,
  ): Promise<CreateSubscriptionResponse & { subscription: Subscription }>;
  getSubscription(
    subscriptionId: string,
    options?: CallOptions,
  ): Promise<GetSubscriptionResponse & { subscription: Subscription }>;
  /** All of a namespace, the oldest first. */
  listSubscriptions(options?: CallOptions): Promise<Subscription[]>;
  pauseSubscription(subscriptionId: string, options?: CallOptions): Promise<Subscription>;
  /** Goes on with a subscription that was paused, or that the service has ended. */
  resumeSubscription(subscriptionId: string, options?: CallOptions): Promise<Subscription>;
  /** Gives a webhook a new secret; the one before signs beside it for a day. */
  replaceWebhookSecret(
    subscriptionId: string,
    options?: CallOptions,
  ): Promise<UpdateSubscriptionResponse & { subscription: Subscription }>;
  deleteSubscription(subscriptionId: string, options?: CallOptions): Promise<void>;
  redeliverEvents(subscriptionId: string, events: RedeliveryOption, options?: CallOptions): Promise<Subscription>;
}

/** The methods for subscriptions, over the calls of a client. */
export function createSubscriptionCalls(call: Call): SubscriptionCalls {
  const update = async (
    subscriptionId: string,
    { signal, namespace = "default" }: CallOptions,
    change: { state?: SubscriptionState; newSecret?: boolean },
  ) => {
    const request = { requestId: crypto.randomUUID(), namespace, subscriptionId, ...change };
    const answer = await call(EventService.method.updateSubscription, request, { signal });
    return { ...answer, subscription: present(answer.subscription, "subscription") };
  };
  return {
    async createSubscription(receiver, { signal, namespace = "default", types = [], ...rest } = {}) {
      const to =
        "webhookUrl" in receiver
          ? { case: "webhookUrl" as const, value: receiver.webhookUrl }
          : { case: "eventBusArn" as const, value: receiver.eventBusArn };
      const request = { requestId: crypto.randomUUID(), namespace, receiver: to, types: [...types], ...rest };
      const answer = await call(EventService.method.createSubscription, request, { signal });
      return { ...answer, subscription: present(answer.subscription, "subscription") };
    },
    async getSubscription(subscriptionId, { signal, namespace = "default" } = {}) {
      const request = { namespace, subscriptionId };
      const answer = await call(EventService.method.getSubscription, request, { signal });
      return { ...answer, subscription: present(answer.subscription, "subscription") };
    },
    async listSubscriptions({ signal, namespace = "default" } = {}) {
      const answer = await call(EventService.method.listSubscriptions, { namespace }, { signal });
      return answer.subscriptions;
    },
    pauseSubscription: async (subscriptionId, options = {}) =>
      (await update(subscriptionId, options, { state: SubscriptionState.PAUSED })).subscription,
    resumeSubscription: async (subscriptionId, options = {}) =>
      (await update(subscriptionId, options, { state: SubscriptionState.ACTIVE })).subscription,
    replaceWebhookSecret: (subscriptionId, options = {}) => update(subscriptionId, options, { newSecret: true }),
    async deleteSubscription(subscriptionId, { signal, namespace = "default" } = {}) {
      await call(EventService.method.deleteSubscription, { namespace, subscriptionId }, { signal });
    },
    async redeliverEvents(subscriptionId, wanted, { signal, namespace = "default" } = {}) {
      const events =
        "afterCursor" in wanted
          ? { case: "afterCursor" as const, value: wanted.afterCursor }
          : { case: "onlyNew" in wanted ? ("onlyNew" as const) : ("deadLetters" as const), value: true };
      const request = { requestId: crypto.randomUUID(), namespace, subscriptionId, events };
      const answer = await call(EventService.method.redeliverEvents, request, { signal });
      return present(answer.subscription, "subscription");
    },
  };
}
