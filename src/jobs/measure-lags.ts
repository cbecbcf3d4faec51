import { wait } from "../domain/limits/backoff.ts";
import type { ReadLags, ServiceLags } from "../domain/service-lags.ts";
import { observeMetric } from "../telemetry/metrics.ts";
import { ALL_DONE, type LeasedJob } from "./run-leased.ts";

/** How often the database is asked. */
const MEASURE_EVERY_MS = 15_000;
/** A run is ten minutes of looks; then its lease is asked for anew. */
const LOOKS_MAX = 40;

/**
 * Measures how far the service is behind. The replica that has the lease asks the database for all of them, whoever looks at its metrics,
 * and however often. A replica that has the lease no more tells nothing: what it knew is old. `isAudited`: whether an audit log is published.
 */
export function toLagMeasuring(
  readLags: ReadLags,
  { isAudited, everyMs = MEASURE_EVERY_MS }: { isAudited: boolean; everyMs?: number },
): LeasedJob {
  let lags: ServiceLags | undefined;
  const observe = (name: LagMetric, toMs: (known: ServiceLags) => number | undefined) =>
    observeMetric(name, () => {
      const lagMs = lags && toMs(lags);
      return lagMs === undefined ? [] : [[lagMs / 1000, {}]];
    });
  observe("sluice.journal.lag", ({ journalMs }) => journalMs);
  observe("sluice.delivery.lag", ({ deliveryMs }) => deliveryMs);
  observe("sluice.purge.lag", ({ purgeMs }) => purgeMs);
  if (isAudited) observe("sluice.audit.lag", ({ auditMs }) => auditMs);
  return {
    name: "measure-lags",
    everyMs: 0,
    retryAfterMs: everyMs,
    run: async ({ signal }) => {
      try {
        for (let looks = 0; looks < LOOKS_MAX && !signal.aborted; looks++) {
          lags = await readLags();
          await wait(everyMs, signal).catch(() => {});
        }
      } finally {
        lags = undefined;
      }
      return ALL_DONE;
    },
  };
}

type LagMetric = "sluice.journal.lag" | "sluice.audit.lag" | "sluice.delivery.lag" | "sluice.purge.lag";
