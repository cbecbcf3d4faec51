import type { SpanPlace } from "../trace-parent.ts";

/** An event as it is sent. */
export interface Delivery {
  /** The same however often it is sent. */
  readonly eventId: string;
  readonly sequence: number;
  readonly namespace: string;
  readonly type: string;
  readonly time: Date;
  /** The event in the JSON format of CloudEvents. */
  readonly json: string;
  /** The same without what may be long: it names the event, and says where the whole one is. */
  readonly briefJson: string;
  /** The call that made the change, where its span is recorded. */
  readonly cause?: SpanPlace | undefined;
}

/** Why an event was not delivered. */
export interface DeliveryFailure {
  /** A sentence for the owner of the subscription. It quotes nothing of the receiver's answer and no address. */
  readonly problem: string;
  /**
   * - "event": the receiver has answered, and it may be because of this event;
   * - "receiver": the receiver takes nothing at the moment, whatever it is;
   * - "gone": the receiver wants no events any more.
   */
  readonly kind: "event" | "receiver" | "gone";
  /** How long the receiver asks to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** How many of the events were delivered, the first ones; and why the next one was not, when there was a failure. */
export interface DeliveryResult {
  readonly delivered: number;
  readonly failure: DeliveryFailure | undefined;
}

/** Sends events to one receiver. */
export interface EventSender {
  /** Events that one call takes at most. */
  readonly batchMax: number;
  /**
   * Sends the first of these events, as many as go at once, at least one, in their order; no event overtakes one that was not delivered.
   * Never rejects but with the signal's reason: what goes wrong is a failure.
   */
  send(deliveries: readonly Delivery[], options: { signal: AbortSignal }): Promise<DeliveryResult>;
}
