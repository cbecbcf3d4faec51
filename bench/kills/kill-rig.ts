import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startEmbeddedPostgres } from "../../src/devstack/embedded-postgres.ts";
import { migrate } from "../../src/postgres/schema/migrate.ts";
import { openOrphanSearch } from "./orphan-search.ts";
import { KILL_BUCKET, S3_BACKENDS } from "./s3-backend.ts";

/** Token of the callers. */
export const KILL_TOKEN = "kill-bench-token";

/** The servers that stay up while services die, the database and the S3 server, and ways to inspect their contents. */
export interface KillRig {
  readonly s3Url: string;
  readonly partSizeBytes: number;
  /** Environment of a service that listens on this port and reaches S3 by this URL. */
  toEnvironment(port: number, s3Url: string): Record<string, string>;
  /** Runs SQL on the service's database. */
  query(statement: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /**
   * Makes all uploads a day older and sweeps as the service does by its clock. Resolves to what the bucket then still has
   * although no file owns it: keys and multipart uploads, one line each.
   */
  findOrphans(): Promise<string[]>;
  stop(): Promise<void>;
}

const SMALL_PART_BYTES = 64 * 1024;

/** Starts PostgreSQL and an S3 server in a temporary directory. */
export async function startKillRig(options: { s3: keyof typeof S3_BACKENDS }): Promise<KillRig> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-kills-"));
  const ends: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const s3 = await S3_BACKENDS[options.s3](directory);
    ends.push(() => s3.stop());
    const dataDirectory = join(directory, "database");
    const postgres = await startEmbeddedPostgres({ dataDirectory, password: "kills", durable: false });
    ends.push(() => postgres.stop());
    await migrate({ url: postgres.url });
    const database = new Client({ connectionString: postgres.url });
    await database.connect();
    ends.push(() => database.end());
    const partSizeBytes = Math.max(SMALL_PART_BYTES, s3.partMinBytes);
    const toEnvironment: KillRig["toEnvironment"] = (port, s3Url) =>
      serviceEnvironment({ port, s3Url, databaseUrl: postgres.url, partSizeBytes });
    const query: KillRig["query"] = async (statement, values = []) =>
      (await database.query(statement, [...values])).rows;
    const search = await openOrphanSearch(toEnvironment(0, s3.url), query);
    ends.push(() => search.close());
    return { s3Url: s3.url, partSizeBytes, toEnvironment, query, findOrphans: search.find, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Environment of a service with small parts, whose caller is KILL_TOKEN's. */
export function serviceEnvironment(options: {
  port: number;
  s3Url: string;
  databaseUrl: string;
  partSizeBytes: number;
}): Record<string, string> {
  const { PATH = "", NODE_V8_COVERAGE } = process.env;
  return {
    PATH,
    ...(NODE_V8_COVERAGE !== undefined && { NODE_V8_COVERAGE }),
    SLUICE_LISTEN: `127.0.0.1:${options.port}`,
    SLUICE_DATABASE_URL: options.databaseUrl,
    SLUICE_S3_BUCKET: KILL_BUCKET.bucket,
    SLUICE_S3_REGION: KILL_BUCKET.region,
    SLUICE_S3_ENDPOINT: options.s3Url,
    SLUICE_PART_SIZE_BYTES: String(options.partSizeBytes),
    SLUICE_S3_PART_MIN_BYTES: "1",
    SLUICE_WORKERS: "1",
    SLUICE_AUTH: "dev",
    SLUICE_DEV_TOKEN: KILL_TOKEN,
    SLUICE_LOG_LEVEL: "error",
    AWS_ACCESS_KEY_ID: KILL_BUCKET.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KILL_BUCKET.secretAccessKey,
  };
}
