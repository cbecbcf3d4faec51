import type { EventSender } from "../domain/subscriptions/delivery.ts";

/** Sends nothing, because the service cannot or may not reach the receiver; `problem` says why, and what would be right. */
export function createClosedSender(problem: string): EventSender {
  return { batchMax: 1, send: async () => ({ delivered: 0, failure: { kind: "receiver", problem } }) };
}
