import type { Namespaces } from "../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../domain/object-store.ts";
import type { BucketRegions } from "../domain/residency.ts";
import type { JobLog } from "./repeat.ts";

/** How often buckets are asked where they lie, and how many at once. */
export interface ResidencyLimits {
  /** A bucket is asked again after this, in milliseconds. */
  everyMs: number;
  /** A bucket that did not answer is asked again after this, in milliseconds. */
  retryAfterMs: number;
  /** Buckets that one run asks; the next run goes on with those that have waited longest. */
  bucketsMax: number;
  /** Buckets that are asked at once. */
  inFlightMax: number;
}

/**
 * A bucket cannot move, but another one can take its name in another region: an hour is soon for that. 200 buckets a minute are
 * 12,000 an hour, at two of the four requests of a probe at once.
 */
const LIMITS: ResidencyLimits = { everyMs: 3_600_000, retryAfterMs: 60_000, bucketsMax: 200, inFlightMax: 2 };
/** Namespaces that the report of readiness names; more are only counted. */
const TOLD_MAX = 5;

/** What the watch works with. */
export interface ResidencyDeps {
  objects: Pick<ObjectStore, "readBucketRegion">;
  /** Is told what storage says. */
  regions: BucketRegions;
  /** Asked anew by every run: namespaces come and go. */
  namespaces: () => Namespaces;
  /** Hears after every run which namespaces cannot be written: a text that names them, or undefined. */
  report: (problem: string | undefined) => void;
  log: JobLog;
  now: () => Date;
}

/**
 * Watches where the buckets of all namespaces lie. Call the result at the start and then every minute: a bucket that is new is
 * asked at once, the others hourly. One that does not answer counts as lying where it lay before, and where it is recorded when
 * it never answered: nothing can be written to it anyway. Never rejects.
 */
export function createResidencyWatch(deps: ResidencyDeps, limits = LIMITS): () => Promise<void> {
  const { regions, log } = deps;
  /** When each bucket is to be asked, in milliseconds since 1970. */
  const dueAtMs = new Map<string, number>();
  let told: string | undefined;
  const ask = async (bucket: string) => {
    try {
      const region = await deps.objects.readBucketRegion(bucket);
      regions.note(bucket, { region, readTime: deps.now() });
      dueAtMs.set(bucket, deps.now().getTime() + limits.everyMs);
    } catch (error) {
      // The check of storage says that a bucket does not answer. Nothing new is known of where it lies.
      dueAtMs.set(bucket, deps.now().getTime() + limits.retryAfterMs);
      log.info({ error, bucket }, "a bucket did not say where it lies; it is asked again");
    }
  };
  return async () => {
    const buckets = new Set([...deps.namespaces().values()].map(({ bucket }) => bucket));
    regions.keepOnly(buckets);
    for (const bucket of dueAtMs.keys()) if (!buckets.has(bucket)) dueAtMs.delete(bucket);
    const nowMs = deps.now().getTime();
    const due = [...buckets]
      .map((bucket) => ({ bucket, atMs: dueAtMs.get(bucket) ?? 0 }))
      .filter(({ atMs }) => atMs <= nowMs)
      .sort((one, other) => one.atMs - other.atMs)
      .slice(0, limits.bucketsMax)
      .values();
    const work = async () => {
      for (const { bucket } of due) await ask(bucket);
    };
    await Promise.all(Array.from({ length: limits.inFlightMax }, work));
    const problem = describeProblems([...deps.namespaces().values()].map((namespace) => regions.problemOf(namespace)));
    deps.report(problem);
    if (problem === told) return;
    told = problem;
    if (problem === undefined) log.info({}, "the buckets of all namespaces lie where their files may be");
    else log.warn({ problem }, "namespaces cannot be written, because of where their buckets lie");
  };
}

function describeProblems(found: readonly (string | undefined)[]): string | undefined {
  const problems = found.filter((problem) => problem !== undefined);
  if (problems.length === 0) return undefined;
  const untold = problems.length - TOLD_MAX;
  return `${problems.slice(0, TOLD_MAX).join("; ")}${untold > 0 ? `; and ${untold} more` : ""}`;
}
