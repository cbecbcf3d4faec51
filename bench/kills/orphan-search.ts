import { ListMultipartUploadsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { UploadAccess } from "../../src/commands/uploads/upload-access.ts";
import { parseConfig } from "../../src/config/config.ts";
import { BucketRegions } from "../../src/domain/residency.ts";
import { sweepOrphans } from "../../src/jobs/sweep-orphans.ts";
import { sweepUploads } from "../../src/jobs/sweep-uploads.ts";
import { createDatabasePools } from "../../src/postgres/pool/pool.ts";
import { createUploadRepositories } from "../../src/postgres/uploads/upload-repositories.ts";
import { createS3Access } from "../../src/s3/create-access.ts";
import { createObjectStore } from "../../src/s3/object-store.ts";
import { KILL_BUCKET } from "./s3-backend.ts";

/** Looks for what nobody owns in the bucket. */
export interface OrphanSearch {
  /**
   * Makes all uploads a day older and sweeps as the service does by its clock. Resolves to what the bucket then still has
   * although no file owns it: keys and multipart uploads, one line each.
   */
  find(): Promise<string[]>;
  close(): Promise<void>;
}

/** The sweeper of another replica with this environment, in this process; `query` runs SQL on the service's database. */
export async function openOrphanSearch(
  environment: Readonly<Record<string, string>>,
  query: (statement: string) => Promise<Record<string, unknown>[]>,
): Promise<OrphanSearch> {
  const config = parseConfig({ ...environment, SLUICE_LISTEN: "127.0.0.1:0" });
  const { accessKeyId, secretAccessKey, bucket } = KILL_BUCKET;
  const credentials = async () => ({ accessKeyId, secretAccessKey });
  const storage = createS3Access(config, { credentials });
  const { client } = storage.at(bucket);
  const pools = await createDatabasePools(config.database);
  const access: UploadAccess = {
    uploads: createUploadRepositories(pools.commands),
    objects: createObjectStore(storage.at),
    namespaces: new Map([[config.namespace.name, config.namespace]]),
    regions: new BucketRegions(),
    limits: config.uploads,
    databaseBackoff: config.databaseBackoff,
    instance: "sweeper",
  };
  const sweep = async () => {
    const { namespace } = config;
    const { errors } = await sweepUploads(access, {
      namespace: namespace.name,
      cursor: "",
      limits: { batchMax: 10_000, batchesMax: 1, stuckAfterMs: 0 },
    });
    const limits = { olderThanMs: 0, pagesMax: 1000, pageMax: 1000 };
    const orphans = await sweepOrphans(access, { namespace, limits, cursor: "", now: new Date() });
    const failed = [...errors, ...orphans.errors];
    if (failed.length > 0) throw new AggregateError(failed, "the sweep failed in part");
  };
  const listUnowned = async (owned: ReadonlySet<string>) => {
    const unowned: string[] = [];
    for (let token: string | undefined; ; ) {
      const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
      for (const { Key = "" } of page.Contents ?? []) if (!owned.has(Key)) unowned.push(`key ${Key}`);
      token = page.NextContinuationToken;
      if (token === undefined) break;
    }
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    return [...unowned, ...Uploads.map(({ Key, UploadId }) => `multipart upload ${UploadId} of ${Key}`)];
  };
  return {
    async find() {
      await query(
        `UPDATE upload SET state_time = state_time - interval '1 day', expire_time = expire_time - interval '1 day'`,
      );
      await sweep();
      const owned = await query("SELECT s3_key FROM file");
      return await listUnowned(new Set(owned.map(({ s3_key: key }) => String(key))));
    },
    async close() {
      storage.close();
      await pools.end();
    },
  };
}
