import type { Logger } from "pino";
import { createPurposeSealer } from "../auth/purpose-sealer.ts";
import type { SubscriptionAccess } from "../commands/subscriptions/create-subscription.ts";
import type { Config } from "../config/config.ts";
import { formatCursor } from "../domain/journal/event-log.ts";
import type { Namespaces } from "../domain/namespaces/namespace.ts";
import type { Delivery, EventSender } from "../domain/subscriptions/delivery.ts";
import type { DeliveryLease, DeliveryLeases } from "../domain/subscriptions/delivery-leases.ts";
import { DELIVERY_PACE } from "../domain/subscriptions/judge-failure.ts";
import { type ReceiverPolicy, toBusRegion } from "../domain/subscriptions/parse-receiver.ts";
import { createReach } from "../domain/subscriptions/reachable-addresses.ts";
import { type SecretSealer, WEBHOOK_PURPOSE } from "../domain/subscriptions/webhook-secret.ts";
import type { FollowedPlace } from "../journal/deliveries/deliver-events.ts";
import { DELIVERER_LIMITS, Deliverer } from "../journal/deliveries/deliverer.ts";
import { createEventLog } from "../postgres/journal/event-log.ts";
import type { DatabasePools } from "../postgres/pool/pool.ts";
import { createDeliveryLeases } from "../postgres/subscriptions/delivery-leases.ts";
import { createSubscriptionRepository } from "../postgres/subscriptions/subscription-repository.ts";
import { parseCursor } from "../queries/events/event-cursor.ts";
import { EventFeed, FEED_LIMITS, type FeedLimits } from "../queries/events/event-feed.ts";
import { WHOLE_SIGHT } from "../queries/events/event-sight.ts";
import { watchEvents } from "../queries/events/watch-events.ts";
import { createBusClients, createBusSender } from "../receivers/bus-sender.ts";
import { createClosedSender } from "../receivers/closed-sender.ts";
import { WebhookClient } from "../receivers/webhook-client.ts";
import { createWebhookSender } from "../receivers/webhook-sender.ts";
import { toDelivery } from "../rest/events/event-json.ts";

/**
 * Leases follow the events as callers do who watch, by a feed of their own, so that neither takes the other's places. Nobody waits for an
 * event to be delivered within a tenth of a second; and each heartbeat moves the cursor of an idle subscription in the database.
 */
const DELIVERY_FEED: FeedLimits = {
  ...FEED_LIMITS,
  watchersMax: DELIVERER_LIMITS.leasesMax,
  pollMs: 200,
  heartbeatMs: 15_000,
};

/** Subscriptions, and what delivers their events from this process. */
export interface ConnectedDeliveries {
  access: Omit<SubscriptionAccess, "namespaces">;
  /** Takes what is due; rejects when the database cannot be reached. */
  look(): Promise<void>;
  /** Ends what is under way; other replicas go on with it. */
  stop(): Promise<void>;
}

/** Connects subscriptions to their receivers. Nothing is delivered until the deliverer is asked to look. */
export function connectDeliveries(
  config: Config,
  options: { pools: DatabasePools; namespaces: Namespaces; publicUrl: string; instance: string; log: Logger },
): ConnectedDeliveries {
  const { pools, namespaces, publicUrl, instance, log } = options;
  const events = createEventLog(pools.commands);
  const leases = createDeliveryLeases(pools.commands, { holder: instance });
  const feed = new EventFeed({ log: events, backoff: config.databaseBackoff, limits: DELIVERY_FEED });
  const receivers: ReceiverPolicy = { mayReach: createReach(config.webhookNetworks), buses: config.eventBuses };
  const { keys } = config.uploadTokens;
  const sealer = keys.length === 0 ? undefined : createPurposeSealer(keys, WEBHOOK_PURPOSE);
  const senders = new Senders({ namespaces, receivers, sealer, leases });
  const deliverer = new Deliverer({
    leases,
    follow: (lease, { signal }) => follow({ feed, namespaces, publicUrl }, lease, { signal }),
    find: async (lease, { sequence, eventId }) => {
      const { namespace, cursor } = lease.subscription;
      const { origin } = cursor;
      const found = await events.read({ namespace, after: sequence - 1, through: sequence, limit: 1 });
      const event = found.events.find((one) => one.eventId === eventId);
      return event && toDelivery({ event, cursor: formatCursor({ origin, sequence }) }, { publicUrl, origin });
    },
    open: (lease) => senders.open(lease),
    pace: DELIVERY_PACE,
    random: Math.random,
    log,
  });
  return {
    access: { subscriptions: createSubscriptionRepository(pools.commands), events, sealer, receivers },
    look: () => deliverer.look(),
    stop: async () => {
      await deliverer.stop();
      feed.drain();
      senders.close();
    },
  };
}

/** What a subscription follows: a watch of all that it wants, without the message that only says where the watch begins. */
async function* follow(
  deps: { feed: EventFeed; namespaces: Namespaces; publicUrl: string },
  { subscription }: DeliveryLease,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<FollowedPlace, void, undefined> {
  const { subscriptionId, namespace, types, pathPrefix, cursor: begin } = subscription;
  const { publicUrl } = deps;
  const request = { namespace, types, pathPrefix, cursor: formatCursor(begin), onlyNew: false };
  const caller = { principal: `subscription:${subscriptionId}` };
  const messages = watchEvents(deps, request, { caller, sight: () => WHOLE_SIGHT, signal });
  let hasBegun = false;
  for await (const { event, cursor } of messages) {
    const place = parseCursor(cursor) ?? begin;
    const delivery: Delivery | undefined = event && toDelivery({ event, cursor }, { publicUrl, origin: place.origin });
    if (hasBegun) yield { sequence: place.sequence, delivery };
    hasBegun = true;
  }
}

/** The ways to the receivers. */
class Senders {
  readonly #namespaces: Namespaces;
  readonly #receivers: ReceiverPolicy;
  readonly #sealer: SecretSealer | undefined;
  readonly #leases: DeliveryLeases;
  readonly #webhooks: WebhookClient;
  readonly #buses = createBusClients();

  constructor(deps: {
    namespaces: Namespaces;
    receivers: ReceiverPolicy;
    sealer: SecretSealer | undefined;
    leases: DeliveryLeases;
  }) {
    this.#namespaces = deps.namespaces;
    this.#receivers = deps.receivers;
    this.#sealer = deps.sealer;
    this.#leases = deps.leases;
    this.#webhooks = new WebhookClient({ mayReach: deps.receivers.mayReach });
  }

  async open(lease: DeliveryLease): Promise<EventSender> {
    const { receiver } = lease.subscription;
    if (receiver.kind === "webhook") return await this.#openWebhook(lease, receiver.url);
    const { arn } = receiver;
    if (!this.#receivers.buses.includes(arn))
      return createClosedSender("SLUICE_EVENT_BUSES of the service does not name this bus any more");
    const region = toBusRegion(arn);
    if (!this.#namespaces.get(lease.subscription.namespace)?.allowedRegions.includes(region))
      return createClosedSender("the namespace does not allow the region of the bus any more");
    return createBusSender(this.#buses.putEvents(region), { arn });
  }

  close(): void {
    this.#webhooks.close();
    this.#buses.close();
  }

  async #openWebhook(lease: DeliveryLease, url: string): Promise<EventSender> {
    const { subscriptionId } = lease.subscription;
    const [present, former] = lease.secrets.map((sealed) => this.#sealer?.open(sealed, subscriptionId));
    if (present === undefined) {
      return createClosedSender(
        "SLUICE_TOKEN_KEYS of the service does not have the key any more that sealed the secret; give the subscription a new secret",
      );
    }
    // A former secret whose key is gone signs no more; the present one is enough.
    const opened = former === undefined ? [present] : [present, former];
    const secrets = opened.map(({ secret }) => secret);
    if (opened.some(({ isStale }) => isStale)) {
      const sealed = secrets.flatMap((secret) => this.#sealer?.seal(secret, subscriptionId) ?? []);
      await this.#leases.reseal(lease, sealed);
    }
    return createWebhookSender(this.#webhooks, { url, secrets, now: () => new Date() });
  }
}
