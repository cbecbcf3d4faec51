import type { Caller } from "../../domain/caller.ts";
import { parseUuid } from "../../domain/command-identity.ts";
import { toActor } from "../../domain/deed.ts";
import { requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { SubscriptionAccess } from "./create-subscription.ts";

/**
 * Ends a subscription, with its dead letters, for good; an event that is being sent at the moment may still arrive. Errors:
 * `not_found / SUBSCRIPTION_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID` for an id that is none.
 */
export async function deleteSubscription(
  { subscriptions, namespaces }: Pick<SubscriptionAccess, "subscriptions" | "namespaces">,
  request: { namespace: string; subscriptionId: string },
  { caller }: { caller: Caller },
): Promise<void> {
  const namespace = requireNamespace(namespaces, request.namespace).name;
  await subscriptions.delete(namespace, parseUuid(request.subscriptionId, "subscription_id"), toActor(caller));
}
