import { DomainError } from "../domain/errors.ts";
import { SteadyHealth } from "../domain/limits/steady-health.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../domain/object-store.ts";

/** Buckets that one check asks, in turns. Each asks every second, and there are as many slots for probes. */
const BUCKETS_MAX = 4;
/** How long one bucket may take to answer, in milliseconds: two such checks, a second apart, fit into five seconds. */
const ANSWER_MAX_MS = 1000;

/** What is known of storage after a check. */
export interface BucketsChecked {
  /** Why buckets cannot be used; undefined when all can. */
  problem: string | undefined;
  /** Whether none of the buckets answers: storage itself is away. */
  isAway: boolean;
  /** The namespaces of the buckets that cannot be used. */
  namespaces: string[];
}

/**
 * Checks whether storage answers, by the buckets of all namespaces. Storage is away when none of them answers; a bucket that
 * fails alone keeps only its namespaces from working. Each call asks a few buckets and believes of the others what was found
 * last. The bucket's answer also tells S3's time. Never rejects.
 */
export function createBucketCheck(
  objects: Pick<ObjectStore, "checkBucket">,
  options: {
    namespaces: () => Iterable<Pick<Namespace, "name" | "bucket">>;
    now?: () => number;
    /** For tests. */
    answerMaxMs?: number;
  },
): () => Promise<BucketsChecked> {
  const { namespaces, now, answerMaxMs = ANSWER_MAX_MS } = options;
  /** What is believed of each bucket; the one that was asked longest ago comes first. */
  const known = new Map<string, { health: SteadyHealth; problem: string | undefined }>();
  const ask = async (bucket: string) => {
    const found = await findProblem(objects, bucket, answerMaxMs);
    const health = known.get(bucket)?.health ?? new SteadyHealth({ now });
    known.delete(bucket);
    known.set(bucket, { health, problem: health.judge(found) });
  };
  return async () => {
    const served = [...namespaces()];
    const present = new Set(served.map(({ bucket }) => bucket));
    for (const bucket of known.keys()) if (!present.has(bucket)) known.delete(bucket);
    const unasked = [...present].filter((bucket) => !known.has(bucket));
    await Promise.all([...unasked, ...known.keys()].slice(0, BUCKETS_MAX).map(ask));
    const problems = [...known.values()].map(({ problem }) => problem).filter((problem) => problem !== undefined);
    return {
      problem: describe(problems),
      isAway: problems.length > 0 && problems.length === known.size,
      namespaces: served.filter(({ bucket }) => known.get(bucket)?.problem !== undefined).map(({ name }) => name),
    };
  };
}

async function findProblem(
  objects: Pick<ObjectStore, "checkBucket">,
  bucket: string,
  answerMaxMs: number,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(answerMaxMs);
  try {
    await objects.checkBucket(bucket, { signal });
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return error.message;
    return signal.aborted ? `bucket ${bucket}: storage does not answer within a second` : "has a problem; see the log";
  }
}

function describe([first, ...others]: readonly string[]): string | undefined {
  return others.length > 0 ? `${first}; and ${others.length} more` : first;
}
