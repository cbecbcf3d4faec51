import type { JobLeases } from "../domain/job-leases.ts";
import { recordMetric } from "../telemetry/metrics.ts";
import { inRootSpan } from "../telemetry/root-span.ts";

/** A job of the clock, of which any number of replicas run one at a time. */
export interface LeasedJob {
  name: string;
  /** From the end of a run until the job is due again. */
  everyMs: number;
  /** From the end of a run that failed, or that stopped in the middle, until the job is due again. */
  retryAfterMs: number;
  /**
   * One run, from `cursor`; resolves to where the next goes on, "" for the beginning. `signal` is aborted when somebody else
   * has taken the job, or the caller wants no more: end soon.
   */
  run: (options: { cursor: string; signal: AbortSignal }) => Promise<string>;
}

/**
 * Runs a job if it is due and nobody runs it; resolves to whether it ran. The lease is kept while the job runs, and is over
 * `leaseMs` after its holder has died. Rejects with what the job or the database threw.
 */
export async function runLeased(
  leases: JobLeases,
  job: LeasedJob,
  { holder, leaseMs, signal }: { holder: string; leaseMs: number; signal?: AbortSignal },
): Promise<boolean> {
  const { name } = job;
  const lease = await leases.take(name, { holder, leaseMs });
  if (lease === undefined) return false;
  const [kind = name, namespace] = name.split("/");
  const attributes = { "sluice.job": kind, ...(namespace !== undefined && { "sluice.namespace": namespace }) };
  const begun = performance.now();
  const measure = (outcome: "done" | "failed") =>
    recordMetric("sluice.job.run.duration", (performance.now() - begun) / 1000, {
      "sluice.job": kind,
      "sluice.outcome": outcome,
    });
  const lost = new AbortController();
  const keep = async () => {
    // Where the database is away the lease may pass. That costs somebody's work, not correctness.
    const isKept = await leases.keep(name, { holder, leaseMs }).catch(() => true);
    if (!isKept) lost.abort(new Error(`another replica has taken the job "${name}"`));
  };
  const timer = setInterval(keep, leaseMs / 3);
  try {
    const signals = signal === undefined ? [lost.signal] : [lost.signal, signal];
    const run = () => job.run({ cursor: lease.cursor, signal: AbortSignal.any(signals) });
    // A job that runs all the time has no end that a trace could have.
    const cursor = job.everyMs === 0 ? await run() : await inRootSpan(`job ${kind}`, { attributes }, run);
    await leases.end(name, { holder, dueAfterMs: cursor === "" ? job.everyMs : job.retryAfterMs, cursor });
    measure("done");
    return true;
  } catch (error) {
    measure("failed");
    // Best effort: otherwise the lease ends by itself.
    await leases.end(name, { holder, dueAfterMs: job.retryAfterMs, cursor: lease.cursor }).catch(() => {});
    throw error;
  } finally {
    clearInterval(timer);
  }
}
