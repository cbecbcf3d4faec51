import { setTimeout as delay } from "node:timers/promises";
import type { JournalRelay } from "../domain/journal/journal.ts";

/** How often new entries are looked for. */
export interface NumberingPace {
  /** Wait after a look, in milliseconds. */
  everyMs: number;
  /** The run ends after so many looks: whoever has the lease asks for it anew then. */
  looksMax: number;
}

/** A run of the relay is a minute of looks. */
export const NUMBERING_PACE: NumberingPace = { everyMs: 50, looksMax: 1200 };

/** Gives entries of the journal their numbers, again and again, until `signal` aborts. Rejects as the relay does. */
export async function numberEntries(
  relay: Pick<JournalRelay, "numberNew">,
  { everyMs, looksMax, signal }: NumberingPace & { signal: AbortSignal },
): Promise<void> {
  for (let looks = 0; looks < looksMax && !signal.aborted; looks++) {
    await relay.numberNew();
    await delay(everyMs, undefined, { signal }).catch(() => {});
  }
}
