import { toBackoffDelayMs } from "../limits/backoff.ts";
import type { DeliveryFailure } from "./delivery.ts";
import { type Failing, SUBSCRIPTION_LIMITS } from "./subscription.ts";

/** How deliveries that fail are tried again. */
export interface DeliveryPace {
  /** Upper bound of the first wait, in milliseconds; doubles with each failure, at full jitter. */
  baseDelayMs: number;
  /** Upper bound of any wait, in milliseconds, also of one that the receiver asks for. */
  delayMaxMs: number;
  /** An event becomes a dead letter after so many failures, */
  triesMin: number;
  /** and when it has failed for so long, in milliseconds. */
  poisonAfterMs: number;
}

/** 24 h is long enough to mend a receiver that breaks on one event, and others wait behind it for no longer. */
export const DELIVERY_PACE: DeliveryPace = {
  baseDelayMs: 2000,
  delayMaxMs: 3_600_000,
  triesMin: 12,
  poisonAfterMs: 86_400_000,
};

/** What follows from a failure. */
export type Verdict =
  | { readonly kind: "retry"; readonly afterMs: number }
  | { readonly kind: "dead-letter" }
  | { readonly kind: "end"; readonly reason: "gone" | "lapsed" };

/**
 * Decides what follows from a failure, at the time `now`; `before` is how the subscription failed until then. Only an event that the
 * receiver has answered to becomes a dead letter: where nobody answers, nothing is wrong with the event.
 */
export function judgeFailure(
  failure: DeliveryFailure,
  { before, now, pace, random }: { before: Failing | undefined; now: Date; pace: DeliveryPace; random: () => number },
): Verdict {
  if (failure.kind === "gone") return { kind: "end", reason: "gone" };
  const failures = (before?.failures ?? 0) + 1;
  const ageOf = (since: Date | undefined) => (since === undefined ? 0 : now.getTime() - since.getTime());
  if (ageOf(before?.since) >= SUBSCRIPTION_LIMITS.lapseAfterMs) return { kind: "end", reason: "lapsed" };
  const isPoison = failures >= pace.triesMin && ageOf(before?.firstTime) >= pace.poisonAfterMs;
  if (isPoison && failure.kind === "event") return { kind: "dead-letter" };
  const askedMs = Math.min(failure.retryAfterMs ?? 0, pace.delayMaxMs);
  return { kind: "retry", afterMs: Math.max(askedMs, toBackoffDelayMs({ ...pace, random }, failures)) };
}
