import type { EventCursor } from "../journal/event-log.ts";
import type { EndReason, Subscription } from "./subscription.ts";

/** The right to deliver the events of one subscription, until its time is over, or the subscription is changed. */
export interface DeliveryLease {
  readonly subscription: Subscription;
  /** The right itself: who comes later has a greater one. */
  readonly epoch: number;
  /** The secrets that sign, sealed, the present one first; none for a bus. */
  readonly secrets: readonly Uint8Array[];
  /** The time at which the lease was taken, by the database's clock. */
  readonly takenTime: Date;
}

/** An event that is to be sent again. */
export interface WantedLetter {
  readonly sequence: number;
  readonly eventId: string;
}

/**
 * Decides which of any number of replicas delivers the events of a subscription: one at a time, on the database's clock. A lease
 * that its holder does not keep is over after its time. What the holder writes counts only while nobody has taken the subscription
 * since and nobody has changed it: all these methods then do nothing, and resolve to false. All reject with `unavailable /
 * DATABASE_UNAVAILABLE`.
 */
export interface DeliveryLeases {
  /** Takes subscriptions that are active and due, and that nobody has, at most `limit`; those first that have waited for longest. */
  take(options: { leaseMs: number; limit: number }): Promise<DeliveryLease[]>;
  /** Keeps leases for another `leaseMs` from now; resolves to those that were kept. */
  keep(leases: readonly DeliveryLease[], options: { leaseMs: number }): Promise<ReadonlySet<DeliveryLease>>;
  /** Whether the lease is still its holder's. */
  holds(lease: DeliveryLease): Promise<boolean>;
  /** Gives a lease back; the subscription is due again after `dueAfterMs`. */
  leave(lease: DeliveryLease, options: { dueAfterMs: number }): Promise<boolean>;

  /** All events up to this number are delivered, or there were none: nothing fails any more. */
  advance(lease: DeliveryLease, sequence: EventCursor["sequence"]): Promise<boolean>;
  /** A delivery has failed. Gives the lease back. */
  fail(lease: DeliveryLease, failure: { problem: string; retryAfterMs: number }): Promise<boolean>;
  /** Makes a dead letter of an event, goes on behind it, and gives the lease back. Enters that into the journal. */
  setAside(lease: DeliveryLease, letter: WantedLetter & { problem: string }): Promise<boolean>;
  /** Ends the subscription, and enters that into the journal. */
  end(lease: DeliveryLease, ending: { reason: EndReason; problem: string }): Promise<boolean>;
  /** Keeps secrets that were sealed anew, in the order of the lease's. */
  reseal(lease: DeliveryLease, secrets: readonly Uint8Array[]): Promise<boolean>;

  /** The dead letters that are wanted again, the oldest first, at most `limit`. */
  listWanted(lease: DeliveryLease, options: { limit: number }): Promise<WantedLetter[]>;
  /** What has become of a wanted letter: it was delivered (or is not kept any more), or `problem` says why it stays. */
  settle(lease: DeliveryLease, letter: WantedLetter, outcome: { problem: string | undefined }): Promise<boolean>;

  /** Ends the subscriptions that were paused for longer than `pausedMs`; resolves to how many. Enters that into the journal. */
  lapsePaused(options: { pausedMs: number }): Promise<number>;
}
