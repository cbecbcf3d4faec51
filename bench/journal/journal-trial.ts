import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { type DatabasePool, sql } from "slonik";
import { parseConfig } from "../../src/config/config.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/devstack/embedded-postgres.ts";
import { findFreePort } from "../../src/devstack/tcp-port.ts";
import { createNamespaceRepository } from "../../src/postgres/namespace-repository.ts";
import { createDatabasePool } from "../../src/postgres/pool/pool.ts";
import { migrate } from "../../src/postgres/schema/migrate.ts";

/** The options of a process that changes files. */
export interface WriterOptions {
  databaseUrl: string;
  seed: number;
  changes: number;
  /** How many files there are. */
  files: number;
  /** File that gets a line for each acknowledged change: path and metageneration. */
  acknowledged: string;
  /** Changes that wait for an answer at any time. */
  inFlight: number;
}

/** The path of a file of the trial. */
export function pathOf(index: number): string {
  return `files/${String(index).padStart(4, "0")}`;
}

/** A database with files, which can crash and come back. */
export class JournalTrial {
  readonly directory: string;
  readonly url: string;
  readonly #port: number;
  #postgres: EmbeddedPostgres;

  private constructor(directory: string, postgres: EmbeddedPostgres) {
    this.directory = directory;
    this.#postgres = postgres;
    this.#port = postgres.port;
    this.url = postgres.url;
  }

  /** Starts one in an empty folder. */
  static async start(directory: string, { files }: { files: number }): Promise<JournalTrial> {
    await mkdir(directory, { recursive: true });
    const port = await findFreePort();
    const trial = new JournalTrial(directory, await startEmbeddedPostgres({ ...toServer(directory), port }));
    await migrate({ url: trial.url });
    const pool = await createDatabasePool("trial", { url: trial.url });
    await fillDatabase(pool, { url: trial.url, files });
    await pool.end();
    return trial;
  }

  async query<T extends object = Record<string, unknown>>(
    statement: string,
    values: readonly unknown[] = [],
  ): Promise<T[]> {
    const client = new Client({ connectionString: this.url });
    await client.connect();
    try {
      return (await client.query(statement, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends the database without a checkpoint, as a crash does, and starts it again. */
  async crash(): Promise<void> {
    process.kill(this.#postgres.pid, "SIGQUIT");
    await this.#postgres.exited;
    this.#postgres = await startEmbeddedPostgres({ ...toServer(this.directory), port: this.#port });
  }

  /** The changes that writers were told of, by path. */
  async readAcknowledged(logs: readonly string[]): Promise<{ path: string; metageneration: number }[]> {
    const texts = await Promise.all(logs.map((log) => readFile(log, "utf8").catch(() => "")));
    return texts
      .flatMap((text) => text.split("\n").filter((line) => line !== ""))
      .map((line) => {
        const [path = "", metageneration] = line.split(" ");
        return { path, metageneration: Number(metageneration) };
      });
  }

  async stop(): Promise<void> {
    await this.#postgres.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Makes a database take every entry and keep none: what is left of its cost is that of a trigger. */
export async function takeEntriesAway(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("CREATE FUNCTION skip_entry() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
  await client.query(
    "CREATE TRIGGER skip_entry BEFORE INSERT ON journal_entry FOR EACH ROW EXECUTE FUNCTION skip_entry()",
  );
  await client.end();
}

/** Makes the namespace "default" and its files in a migrated database. */
export async function fillDatabase(pool: DatabasePool, { url, files }: { url: string; files: number }): Promise<void> {
  const { namespace } = parseConfig({
    SLUICE_DATABASE_URL: url,
    SLUICE_S3_BUCKET: "bench-bucket",
    SLUICE_S3_REGION: "eu-central-1",
    SLUICE_AUTH: "dev",
    SLUICE_DEV_TOKEN: "bench-token",
  });
  await createNamespaceRepository(pool).ensure(namespace);
  await pool.query(sql.unsafe`
    INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, bucket, region, s3_key,
      s3_version_id, etag, principal)
    SELECT gen_random_uuid(), 'default', 'files/' || lpad(i::text, 4, '0'), 1, 1, 0, 'text/plain', '{}', 'bench-bucket', 'eu-central-1',
      'k' || i, '', '', 'bench:writer'
    FROM generate_series(0, ${files}::integer - 1) i`);
}

function toServer(directory: string) {
  return { dataDirectory: join(directory, "database"), password: "bench" };
}
