import type { CommandIdentity } from "../command-identity.ts";
import type { Actor } from "../deed.ts";
import type { EventCursor } from "../journal/event-log.ts";
import type { DeadLetter, Subscription, SubscriptionWish } from "./subscription.ts";

/** A subscription to be made. */
export interface NewSubscription extends SubscriptionWish {
  subscriptionId: string;
  namespace: string;
  principal: string;
  cursor: EventCursor;
  /** The sealed secret of a webhook; undefined for a bus. */
  secret: Uint8Array | undefined;
}

/** A subscription with its sealed secret. */
export interface KeptSubscription {
  subscription: Subscription;
  secret: Uint8Array | undefined;
}

/** What is to be sent again. */
export type Redelivery = { readonly from: EventCursor } | { readonly letters: "all" };

/** What becomes of a subscription; what is undefined stays. */
export interface SubscriptionChange {
  state: "active" | "paused" | undefined;
  /** A new sealed secret. The present one signs beside it for `formerMs`. */
  secret: { sealed: Uint8Array; formerMs: number } | undefined;
}

/**
 * Subscriptions, in the database. Each change enters itself into the journal, and ends the right of whoever delivers at the
 * moment. A repeated identity changes nothing, and returns the subscription as it is now. Errors: `not_found /
 * SUBSCRIPTION_NOT_FOUND`, `invalid_argument / REQUEST_ID_REUSED`, `unavailable / DATABASE_UNAVAILABLE`.
 */
export interface SubscriptionRepository {
  /** `failed_precondition / SUBSCRIPTIONS_FULL` when the namespace has as many as it may. */
  create(subscription: NewSubscription, identity: CommandIdentity): Promise<KeptSubscription>;
  get(namespace: string, subscriptionId: string): Promise<Subscription>;
  /** The oldest dead letters, at most `limit`. */
  listLetters(
    subscription: Pick<Subscription, "namespace" | "subscriptionId">,
    options: { limit: number },
  ): Promise<DeadLetter[]>;
  /** All of a namespace, the oldest first. */
  list(namespace: string): Promise<Subscription[]>;
  /** A subscription that is made active is tried at once, and has the whole time again before it lapses. */
  update(
    namespace: string,
    subscriptionId: string,
    { change, identity }: { change: SubscriptionChange; identity: CommandIdentity },
  ): Promise<KeptSubscription>;
  /** One that another call has deleted is not there. */
  delete(namespace: string, subscriptionId: string, actor: Actor): Promise<void>;
  /** Moves the cursor, or marks dead letters as wanted. The state stays. */
  redeliver(
    namespace: string,
    subscriptionId: string,
    { redelivery, identity }: { redelivery: Redelivery; identity: CommandIdentity },
  ): Promise<Subscription>;
}
