import { setTimeout as delay } from "node:timers/promises";
import type { LogPublisher } from "./log-publisher.ts";

/** How often the log is published. */
export interface PublishPace {
  /** From the beginning of one publication to that of the next, in milliseconds. */
  everyMs: number;
  /** The run ends after so many: whoever has the lease asks for it anew then, and reads what is published. */
  timesMax: number;
}

/**
 * A checkpoint is to be ten seconds behind the journal at most, so that one begins every five: they leave as long to the publication
 * itself. A run is an hour.
 */
export const PUBLISH_PACE: PublishPace = { everyMs: 5000, timesMax: 720 };

/** Publishes the log again and again, until `signal` aborts. Rejects as the publisher does. `now` counts milliseconds. */
export async function publishLog(
  publisher: Pick<LogPublisher, "publish">,
  {
    everyMs,
    timesMax,
    signal,
    now = () => performance.now(),
  }: PublishPace & { signal: AbortSignal; now?: () => number },
): Promise<void> {
  for (let times = 0; times < timesMax && !signal.aborted; times++) {
    const begunAt = now();
    await publisher.publish();
    await delay(Math.max(0, begunAt + everyMs - now()), undefined, { signal }).catch(() => {});
  }
}
