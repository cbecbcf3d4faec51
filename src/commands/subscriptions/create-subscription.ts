import { v7 as uuidv7 } from "uuid";
import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity } from "../../domain/command-identity.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { PATH_MAX_BYTES } from "../../domain/files/file-path.ts";
import type { EventLog } from "../../domain/journal/event-log.ts";
import { type Namespace, type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import { parseReceiver, type ReceiverPolicy, toBusRegion } from "../../domain/subscriptions/parse-receiver.ts";
import type { Receiver, Subscription } from "../../domain/subscriptions/subscription.ts";
import type { SubscriptionRepository } from "../../domain/subscriptions/subscription-repository.ts";
import { createSealedSecret, type SecretSealer, showSecret } from "../../domain/subscriptions/webhook-secret.ts";
import { assertWithin, parseCursor } from "../../queries/events/event-cursor.ts";
import { parseEventFilter } from "../../queries/events/event-sight.ts";

/** What subscriptions work with. */
export interface SubscriptionAccess {
  subscriptions: SubscriptionRepository;
  events: Pick<EventLog, "bounds">;
  namespaces: Namespaces;
  /** Undefined where the service has no keys to seal with. */
  sealer: SecretSealer | undefined;
  receivers: ReceiverPolicy;
}

/** Which events go to whom. */
export interface CreateSubscriptionRequest {
  requestId: string;
  namespace: string;
  /** Undefined when the request names none. */
  receiver: Receiver | undefined;
  /** Empty for all. */
  types: readonly string[];
  pathPrefix: string;
  /** The events behind it are delivered; empty: those from now on. */
  cursor: string;
}

/**
 * Has the events of a namespace delivered to a receiver. `secret` is what the requests to a webhook are signed with; it is empty for a
 * bus. Repeating the call with the same request id returns the same subscription and secret. Errors: `not_found /
 * NAMESPACE_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID` with the field, `PATH_INVALID`, `failed_precondition /
 * SUBSCRIPTIONS_FULL`, `WEBHOOKS_OFF`, `EVENTS_RESET`, `RESIDENCY_VIOLATION`.
 */
export async function createSubscription(
  { subscriptions, events, namespaces, sealer, receivers }: SubscriptionAccess,
  request: CreateSubscriptionRequest,
  { caller }: { caller: Caller },
): Promise<{ subscription: Subscription; secret: string }> {
  const namespace = requireNamespace(namespaces, request.namespace);
  if (request.receiver === undefined)
    throw invalidArgument("receiver", "receiver is missing; send webhook_url or event_bus_arn");
  const receiver = parseReceiver(request.receiver, receivers);
  if (receiver.kind === "event-bus") assertBusResident(namespace, receiver.arn);
  const filter = parseEventFilter(request);
  assertPrefix(filter.pathPrefix);
  const asked = parseCursor(request.cursor);
  const bounds = await events.bounds();
  if (asked !== undefined) assertWithin(asked, bounds);
  const subscriptionId = uuidv7();
  const types = [...(filter.types ?? [])];
  const { pathPrefix } = filter;
  const identity = toCommandIdentity(caller, "CreateSubscription", {
    namespace: namespace.name,
    requestId: request.requestId,
    content: [receiver, types, pathPrefix, request.cursor],
  });
  const made = await subscriptions.create(
    {
      subscriptionId,
      namespace: namespace.name,
      principal: caller.principal,
      receiver,
      types,
      pathPrefix,
      cursor: asked ?? { origin: bounds.origin, sequence: bounds.last },
      secret: receiver.kind === "webhook" ? createSealedSecret(sealer, subscriptionId) : undefined,
    },
    identity,
  );
  const { subscription } = made;
  return { subscription, secret: showSecret(sealer, subscription.subscriptionId, made.secret) };
}

/** Events have the paths of files in them: they may go where the files may. */
function assertBusResident({ name, allowedRegions }: Namespace, arn: string): void {
  const region = toBusRegion(arn);
  if (allowedRegions.includes(region)) return;
  const message = `namespace ${name} allows files in ${allowedRegions.slice(0, 10).join(", ")} only, and their events as well; the bus ${arn} lies in ${region}`;
  throw new DomainError("failed_precondition", message, {
    reason: "RESIDENCY_VIOLATION",
    field: "event_bus_arn",
    details: { namespace: name, region },
  });
}

function assertPrefix(prefix: string): void {
  const refuse = (problem: string) => invalidArgument("path_prefix", problem, { reason: "PATH_INVALID" });
  if (!prefix.isWellFormed() || prefix.includes("\u0000"))
    throw refuse("path_prefix is not valid: it holds a lone surrogate or U+0000; leave it out");
  const prefixBytes = Buffer.byteLength(prefix);
  if (prefixBytes > PATH_MAX_BYTES)
    throw refuse(`path_prefix has ${prefixBytes} bytes of UTF-8; the limit is ${PATH_MAX_BYTES}`);
}
