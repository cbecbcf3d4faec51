import type { UploadAccess } from "../../../commands/uploads/upload-access.ts";
import type { Config } from "../../../config/config.ts";
import type { Namespace } from "../../../domain/namespaces/namespace.ts";
import { BucketRegions } from "../../../domain/residency.ts";
import { type OrphanLimits, type OrphanSweepResult, sweepOrphans } from "../../../jobs/sweep-orphans.ts";
import { type SweepLimits, type SweepResult, sweepUploads } from "../../../jobs/sweep-uploads.ts";
import { createDatabasePools } from "../../../postgres/pool/pool.ts";
import { createUploadRepositories } from "../../../postgres/uploads/upload-repositories.ts";
import { createObjectStore } from "../../../s3/object-store.ts";
import { createTestAccess, type S3Endpoint } from "../storage/s3-subject.ts";

/** The database and the storage that a sweeper works on. */
export interface SweeperOptions {
  databaseUrl: string;
  endpoint: S3Endpoint;
  namespace: Namespace;
  limits: Config["uploads"];
}

/** A sweeper as a replica is one, with connections of its own, that sweeps when it is told to. */
export interface TestSweeper {
  /** Expires, commits and cleans uploads; of any age unless the limits say otherwise. */
  sweep(limits?: Partial<SweepLimits>): Promise<SweepResult>;
  /** Looks through the whole bucket; for orphans of any age unless the limits say otherwise. */
  sweepOrphans(limits?: Partial<OrphanLimits>): Promise<OrphanSweepResult>;
  close(): Promise<void>;
}

/** Opens one. */
export async function openTestSweeper({
  databaseUrl,
  endpoint,
  namespace,
  limits,
}: SweeperOptions): Promise<TestSweeper> {
  const storage = createTestAccess(endpoint);
  const pools = await createDatabasePools({ url: databaseUrl });
  const access: UploadAccess = {
    uploads: createUploadRepositories(pools.commands),
    objects: createObjectStore(storage.at),
    namespaces: new Map([[namespace.name, namespace]]),
    regions: new BucketRegions(),
    limits,
    databaseBackoff: { triesMax: 30, baseDelayMs: 20, delayMaxMs: 100, timeMaxMs: 30_000, random: Math.random },
    instance: `sweeper/${process.pid}`,
  };
  return {
    sweep: (changed = {}) =>
      sweepUploads(access, {
        namespace: namespace.name,
        cursor: "",
        limits: { batchMax: 100, batchesMax: 100, stuckAfterMs: 0, ...changed },
      }),
    sweepOrphans: (changed = {}) =>
      sweepOrphans(access, {
        namespace,
        cursor: "",
        now: new Date(),
        limits: { olderThanMs: 0, pagesMax: 100, pageMax: 10, ...changed },
      }),
    close: async () => {
      storage.close();
      await pools.end();
    },
  };
}
