import type { Logger } from "pino";
import { DomainError } from "../domain/errors.ts";
import { SteadyHealth } from "../domain/limits/steady-health.ts";
import type { Namespaces } from "../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../domain/object-store.ts";
import type { BucketRegions } from "../domain/residency.ts";
import { createBucketCheck } from "../jobs/check-buckets.ts";
import { createResidencyWatch } from "../jobs/watch-residency.ts";
import type { DatabasePools } from "../postgres/pool/pool.ts";
import type { Readiness } from "../rpc/services/readiness.ts";
import type { StorageWatcher } from "../s3/access.ts";
import { toS3Answer } from "../s3/errors.ts";
import type { StorageClock } from "../s3/requests/storage-clock.ts";
import { observeMetric } from "../telemetry/metrics.ts";

/**
 * How far this host's clock may be from storage's before readiness reports it, in milliseconds. Times in logs and the ends of
 * callers' tokens are then wrong by as much; URLs and links do not depend on this host's clock.
 */
const CLOCK_OFFSET_MAX_MS = 60_000;

/**
 * Checks whether the database and the buckets answer, and reports it. Never rejects. The answers of buckets also tell S3's time,
 * at the start and then every second. A replica that has never reached storage is not ready: its configuration may be wrong.
 * Storage that is away later is away for every replica, and none of them is called unready for it.
 */
export function createCheck(
  { pools, objects, clock }: { pools: DatabasePools; objects: ObjectStore; clock: StorageClock },
  { namespaces, readiness }: { namespaces: Namespaces; readiness: Readiness },
): () => Promise<void> {
  const database = new SteadyHealth();
  const checkDatabase = async () => {
    const found = await pools.check().then(() => undefined, toProblem);
    readiness.report("database", database.judge(found));
  };
  const checkBuckets = createBucketCheck(objects, { namespaces: () => namespaces.values() });
  let hasStorageAnswered = false;
  const checkStorage = async () => {
    const { problem, isAway, namespaces } = await checkBuckets();
    hasStorageAnswered ||= !isAway;
    readiness.report("storage", hasStorageAnswered ? undefined : problem);
    readiness.degrade("storage", hasStorageAnswered && isAway ? problem : undefined, { namespaces });
    readiness.degrade("buckets", isAway ? undefined : problem, { namespaces });
  };
  return async () => {
    await Promise.all([checkDatabase(), checkStorage()]);
    readiness.degrade("clock", toClockProblem(clock.offsetMs));
  };
}

function toProblem(error: unknown): string {
  return error instanceof DomainError ? error.message : "has a problem; see the log";
}

/** Asks storage where the buckets of the namespaces lie, and reports to readiness which namespaces must not be written. */
export function createWatch(
  { objects, namespaces, regions }: { objects: ObjectStore; namespaces: Namespaces; regions: BucketRegions },
  { log, readiness }: { log: Logger; readiness: Readiness },
): () => Promise<void> {
  observeMetric("sluice.residency.violations", () => {
    const found = [...namespaces.values()].filter((namespace) => regions.problemOf(namespace) !== undefined);
    return [[found.length, {}]];
  });
  return createResidencyWatch({
    objects,
    regions,
    namespaces: () => namespaces,
    // The name of a namespace is told to callers with a token only: it must not be in the component's name.
    report: (problem) => readiness.degrade("residency", problem),
    log,
    now: () => new Date(),
  });
}

/** The text holds no number that changes with each check, because every change would be reported as news. */
function toClockProblem(offsetMs: number): string | undefined {
  if (Math.abs(offsetMs) <= CLOCK_OFFSET_MAX_MS) return undefined;
  return `this host's clock is more than ${CLOCK_OFFSET_MAX_MS / 1000} s ${offsetMs < 0 ? "ahead of" : "behind"} that of storage`;
}

/** Logs the error codes of storage, and reports to readiness when a problem keeps all writes from working. */
export function createStorageWatcher(log: Logger, readiness: Readiness): StorageWatcher {
  let told: string | undefined;
  return {
    onWrite: (problem) => {
      if (problem?.message === told) return;
      told = problem?.message;
      readiness.degrade("storage-writes", told);
      if (problem === undefined) log.info("storage takes writes again");
      else log.warn({ answer: toS3Answer(problem) }, told);
    },
    onRefusedComplete: (answer) => log.warn(answer, "storage refused to assemble a file"),
  };
}
