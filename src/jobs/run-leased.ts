import { DomainError } from "../domain/errors.ts";
import { type JobLeases, type JobOutcome, PROBLEM_MAX_CHARACTERS } from "../domain/jobs/job-leases.ts";
import type { JobName } from "../domain/jobs/known-jobs.ts";
import { recordMetric } from "../telemetry/metrics.ts";
import { inRootSpan } from "../telemetry/root-span.ts";

/** A job of the clock, of which any number of replicas run one at a time. */
export interface LeasedJob {
  name: JobName;
  /** From the end of a run until the job is due again. */
  everyMs: number;
  /** From the end of a run that failed, or that stopped in the middle, until the job is due again. */
  retryAfterMs: number;
  /** One run, from `cursor`. `signal` is aborted when somebody else has taken the job, or the caller wants no more: end soon. */
  run: (options: { cursor: string; signal: AbortSignal }) => Promise<JobRunEnd>;
}

/** How a run ended that did not reject. */
export interface JobRunEnd {
  /** Where the next run goes on; "" for the beginning. */
  cursor: string;
  /** What of its work failed; a later run tries it again. */
  errors: readonly unknown[];
}

/** The end of a run that has done all there was. */
export const ALL_DONE: JobRunEnd = { cursor: "", errors: [] };

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
  const measure = (outcome: JobOutcome) =>
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
    const { cursor, errors } = job.everyMs === 0 ? await run() : await inRootSpan(`job ${kind}`, { attributes }, run);
    const outcome = errors.length === 0 ? "done" : "incomplete";
    const dueAfterMs = cursor === "" ? job.everyMs : job.retryAfterMs;
    await leases.end(name, { holder, dueAfterMs, cursor, outcome, problem: toProblem(errors, holder) });
    measure(outcome);
    return true;
  } catch (error) {
    measure("failed");
    const end = { holder, dueAfterMs: job.retryAfterMs, cursor: lease.cursor, outcome: "failed" } as const;
    // Best effort: otherwise the lease ends by itself.
    await leases.end(name, { ...end, problem: toProblem([error], holder) }).catch(() => {});
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Errors in words for operators. What is no DomainError may hold anything, also secrets, and is in the log alone. */
function toProblem([first, ...others]: readonly unknown[], holder: string): string {
  if (first === undefined) return "";
  const what = first instanceof DomainError ? first.message : `an internal error; the log of ${holder} says more`;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  return `${what.slice(0, PROBLEM_MAX_CHARACTERS - more.length)}${more}`;
}
