import type { EventCursor } from "../journal/event-log.ts";
import type { EndReason, Subscription } from "./subscription.ts";

/** The right to deliver the events of one subscription, until its lease is over, or it is changed. */
export interface Lane {
  readonly subscription: Subscription;
  /** The right itself: who comes later has a greater one. */
  readonly epoch: number;
  /** The secrets that sign, sealed, the present one first; none for a bus. */
  readonly secrets: readonly Uint8Array[];
  /** The time at which the lane was taken, by the database's clock. */
  readonly takenTime: Date;
}

/** An event that is to be sent again. */
export interface WantedLetter {
  readonly sequence: number;
  readonly eventId: string;
}

/**
 * Decides which of any number of replicas delivers the events of a subscription: one at a time, on the database's clock. A lane
 * that its holder does not keep is over after its lease. What the holder writes counts only while nobody has taken the subscription
 * since and nobody has changed it: all these methods then do nothing, and resolve to false. All reject with `unavailable /
 * DATABASE_UNAVAILABLE`.
 */
export interface DeliveryLanes {
  /** Takes subscriptions that are active and due, and that nobody has, at most `limit`; those first that have waited for longest. */
  take(options: { leaseMs: number; limit: number }): Promise<Lane[]>;
  /** Keeps lanes for another `leaseMs` from now; resolves to those that were kept. */
  keep(lanes: readonly Lane[], options: { leaseMs: number }): Promise<ReadonlySet<Lane>>;
  /** Whether the lane is still its holder's. */
  holds(lane: Lane): Promise<boolean>;
  /** Gives a lane back; it is due again after `dueAfterMs`. */
  leave(lane: Lane, options: { dueAfterMs: number }): Promise<boolean>;

  /** All events up to this number are delivered, or there were none: nothing fails any more. */
  advance(lane: Lane, sequence: EventCursor["sequence"]): Promise<boolean>;
  /** A delivery has failed. Gives the lane back. */
  fail(lane: Lane, failure: { problem: string; retryAfterMs: number }): Promise<boolean>;
  /** Makes a dead letter of an event, goes on behind it, and gives the lane back. Enters that into the journal. */
  setAside(lane: Lane, letter: WantedLetter & { problem: string }): Promise<boolean>;
  /** Ends the subscription, and enters that into the journal. */
  end(lane: Lane, ending: { reason: EndReason; problem: string }): Promise<boolean>;
  /** Keeps secrets that were sealed anew, in the order of the lane's. */
  reseal(lane: Lane, secrets: readonly Uint8Array[]): Promise<boolean>;

  /** The dead letters that are wanted again, the oldest first, at most `limit`. */
  listWanted(lane: Lane, options: { limit: number }): Promise<WantedLetter[]>;
  /** What has become of a wanted letter: it was delivered (or is not kept any more), or `problem` says why it stays. */
  settle(lane: Lane, letter: WantedLetter, outcome: { problem: string | undefined }): Promise<boolean>;

  /** Ends the subscriptions that were paused for longer than `pausedMs`; resolves to how many. Enters that into the journal. */
  lapsePaused(options: { pausedMs: number }): Promise<number>;
}
