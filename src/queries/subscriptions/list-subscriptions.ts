import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { Subscription } from "../../domain/subscriptions/subscription.ts";
import type { SubscriptionRepository } from "../../domain/subscriptions/subscription-repository.ts";

/** All subscriptions of a namespace, the oldest first: there are `SUBSCRIPTION_LIMITS.perNamespaceMax` at most. */
export async function listSubscriptions(
  deps: { subscriptions: Pick<SubscriptionRepository, "list">; namespaces: Namespaces },
  request: { namespace: string },
): Promise<Subscription[]> {
  return await deps.subscriptions.list(requireNamespace(deps.namespaces, request.namespace).name);
}
