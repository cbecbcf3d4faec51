import type { Caller } from "../../domain/caller.ts";
import { parseUuid, toCommandIdentity } from "../../domain/command-identity.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { requireNamespace } from "../../domain/namespaces/namespace.ts";
import { SUBSCRIPTION_LIMITS, type Subscription } from "../../domain/subscriptions/subscription.ts";
import { createSealedSecret, showSecret } from "../../domain/subscriptions/webhook-secret.ts";
import { assertWithin } from "../../queries/events/event-cursor.ts";
import type { SubscriptionAccess } from "./create-subscription.ts";

/** What becomes of a subscription. */
export interface UpdateSubscriptionRequest {
  requestId: string;
  namespace: string;
  subscriptionId: string;
  /** Undefined: as it is. */
  state: "active" | "paused" | undefined;
  newSecret: boolean;
}

/**
 * Pauses a subscription, or goes on with one that was paused or has ended; or gives a webhook a new secret, beside which the one before
 * signs for another day. `secret` is empty unless it is new. Repeating the call with the same request id changes nothing, and returns the
 * same secret. Errors: `not_found / SUBSCRIPTION_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID`, `failed_precondition / WEBHOOKS_OFF`,
 * and `EVENTS_RESET` for one that is to go on behind a cursor that does not hold: `redeliverEvents` moves it.
 */
export async function updateSubscription(
  { subscriptions, events, namespaces, sealer }: SubscriptionAccess,
  request: UpdateSubscriptionRequest,
  { caller }: { caller: Caller },
): Promise<{ subscription: Subscription; secret: string }> {
  const namespace = requireNamespace(namespaces, request.namespace).name;
  const subscriptionId = parseUuid(request.subscriptionId, "subscription_id");
  const { state, newSecret } = request;
  if (state === undefined && !newSecret)
    throw invalidArgument("state", "nothing is to be changed; send a state, ACTIVE or PAUSED, or new_secret");
  const identity = toCommandIdentity(caller, "UpdateSubscription", {
    namespace,
    requestId: request.requestId,
    content: [subscriptionId, state ?? null, newSecret],
  });
  const { receiver, cursor } = await subscriptions.get(namespace, subscriptionId);
  if (newSecret && receiver.kind !== "webhook")
    throw invalidArgument(
      "new_secret",
      "this subscription has no secret: only webhooks have one; leave new_secret out",
    );
  if (state === "active") assertWithin(cursor, await events.bounds());
  const { formerSecretMs: formerMs } = SUBSCRIPTION_LIMITS;
  const secret = newSecret ? { sealed: createSealedSecret(sealer, subscriptionId), formerMs } : undefined;
  const changed = await subscriptions.update(namespace, subscriptionId, { change: { state, secret }, identity });
  return {
    subscription: changed.subscription,
    secret: newSecret ? showSecret(sealer, subscriptionId, changed.secret) : "",
  };
}
