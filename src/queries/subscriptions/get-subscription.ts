import { parseUuid } from "../../domain/command-identity.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import { type DeadLetter, SUBSCRIPTION_LIMITS, type Subscription } from "../../domain/subscriptions/subscription.ts";
import type { SubscriptionRepository } from "../../domain/subscriptions/subscription-repository.ts";

/** A subscription with its oldest dead letters. Errors: `not_found / SUBSCRIPTION_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID`. */
export async function getSubscription(
  deps: { subscriptions: Pick<SubscriptionRepository, "get" | "listLetters">; namespaces: Namespaces },
  request: { namespace: string; subscriptionId: string },
): Promise<{ subscription: Subscription; deadLetters: DeadLetter[] }> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const subscriptionId = parseUuid(request.subscriptionId, "subscription_id");
  const subscription = await deps.subscriptions.get(namespace, subscriptionId);
  const limit = SUBSCRIPTION_LIMITS.lettersShownMax;
  const deadLetters =
    subscription.deadLetters === 0 ? [] : await deps.subscriptions.listLetters(subscription, { limit });
  return { subscription, deadLetters };
}
