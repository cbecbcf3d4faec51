import type { EventCursor } from "../journal/event-log.ts";

/** Bounds of subscriptions. */
export const SUBSCRIPTION_LIMITS = {
  /** Subscriptions of one namespace: each takes a watch of the events, and a bus or one receiver can hand events on to many. */
  perNamespaceMax: 20,
  /** Longest URL of a webhook, in characters: servers and proxies in front of receivers take some 2,000. */
  urlMaxCharacters: 2000,
  /** How long a secret that was replaced signs beside the new one, in milliseconds: a day to tell the receiver. */
  formerSecretMs: 86_400_000,
  /** Dead letters that an answer shows, the oldest ones. */
  lettersShownMax: 100,
  /**
   * After so long without any delivery a subscription ends, in milliseconds; so does one that was paused for so long. 7 days outlast
   * a long weekend, and hold back the removal of old entries no longer than that.
   */
  lapseAfterMs: 7 * 86_400_000,
} as const;

/** Who receives events: an HTTPS endpoint, or a bus of EventBridge. */
export type Receiver =
  | { readonly kind: "webhook"; readonly url: string }
  | { readonly kind: "event-bus"; readonly arn: string };

/** Whether events are delivered: yes; not while its owner wants none; or not any more, because the service ended it. */
export type SubscriptionState = "active" | "paused" | "dead";

/**
 * Why the service ended a subscription: the receiver said so (410), nothing was delivered for too long, or events behind its cursor
 * may be missing.
 */
export type EndReason = "gone" | "lapsed" | "events-reset";

/** What a subscription is to deliver, and to whom. */
export interface SubscriptionWish {
  readonly receiver: Receiver;
  /** Types of events; all when empty. */
  readonly types: readonly string[];
  /** Beginning of the paths; all when empty. */
  readonly pathPrefix: string;
}

/** How the deliveries of the event behind the cursor fail at the moment. */
export interface Failing {
  /** Failures in a row. */
  readonly failures: number;
  readonly firstTime: Date;
  readonly lastTime: Date;
  /** Since when nothing at all was delivered: before `firstTime` when other events have become dead letters since. */
  readonly since: Date;
  /** Why the last one failed, as a sentence that quotes nothing of the receiver's answer. */
  readonly problem: string;
  /** When it is tried again. */
  readonly nextTime: Date;
}

/** The events of a namespace that one receiver gets, in their order. */
export interface Subscription extends SubscriptionWish {
  /** UUIDv7. */
  readonly subscriptionId: string;
  readonly namespace: string;
  /** Who made it. */
  readonly principal: string;
  readonly createTime: Date;
  readonly state: SubscriptionState;
  /** Undefined unless the state is "dead". */
  readonly endReason: EndReason | undefined;
  /** Since when it is in this state. */
  readonly stateTime: Date;
  /** All events up to here are delivered, or dead letters. */
  readonly cursor: EventCursor;
  /** When something was delivered last, or there was nothing to deliver. */
  readonly progressTime: Date;
  /** Undefined while all goes well. */
  readonly failing: Failing | undefined;
  /** Until when the secret before the present one signs as well; undefined when there is none. */
  readonly formerSecretUntil: Date | undefined;
  readonly deadLetters: number;
}

/** An event that the receiver did not take, and behind which the deliveries went on. */
export interface DeadLetter {
  readonly eventId: string;
  readonly sequence: number;
  readonly failures: number;
  readonly problem: string;
  readonly time: Date;
  /** Whether it is about to be sent again. */
  readonly isWanted: boolean;
}

/** When the subscription ends unless something is delivered before; undefined when nothing keeps it from going on. */
export function toLapseTime({
  state,
  stateTime,
  failing,
}: Pick<Subscription, "state" | "stateTime" | "failing">): Date | undefined {
  const since = state === "paused" ? stateTime : state === "active" ? failing?.since : undefined;
  return since && new Date(since.getTime() + SUBSCRIPTION_LIMITS.lapseAfterMs);
}
