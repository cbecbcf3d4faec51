import { DomainError } from "../domain/errors.ts";
import type { ObjectStore } from "../domain/object-store.ts";

/** Buckets that one check asks, in turns. Each asks every few seconds, and there are as many slots for probes. */
const BUCKETS_MAX = 4;

/** What a check found. */
export interface BucketsChecked {
  /** Why storage is away: none of the buckets answers. */
  problem: string | undefined;
  /** Why some buckets cannot be used, although others answer. */
  degradation: string | undefined;
}

/**
 * Checks whether storage answers, by the buckets of all namespaces. Storage is away when none of them answers; a bucket that
 * fails alone keeps only its namespaces from working. Each call asks a few buckets and believes of the others what they
 * answered last. The bucket's answer also tells S3's time. Never rejects.
 */
export function createBucketCheck(
  objects: Pick<ObjectStore, "checkBucket">,
  buckets: () => ReadonlySet<string>,
): () => Promise<BucketsChecked> {
  /** The problem of each bucket, undefined where it answered; the one that was asked longest ago comes first. */
  const answers = new Map<string, string | undefined>();
  const ask = async (bucket: string) => {
    const problem = await objects.checkBucket(bucket).then(() => undefined, toProblem);
    answers.delete(bucket);
    answers.set(bucket, problem);
  };
  return async () => {
    const present = buckets();
    for (const bucket of answers.keys()) if (!present.has(bucket)) answers.delete(bucket);
    const unasked = [...present].filter((bucket) => !answers.has(bucket));
    await Promise.all([...unasked, ...answers.keys()].slice(0, BUCKETS_MAX).map(ask));
    const problems = [...answers.values()].filter((problem) => problem !== undefined);
    const [first] = problems;
    const isAway = first !== undefined && problems.length === answers.size;
    return { problem: isAway ? first : undefined, degradation: isAway ? undefined : describe(problems) };
  };
}

function describe([first, ...others]: readonly string[]): string | undefined {
  return others.length > 0 ? `${first}; and ${others.length} more` : first;
}

function toProblem(error: unknown): string {
  return error instanceof DomainError ? error.message : "has a problem; see the log";
}
