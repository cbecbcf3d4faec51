import { Client } from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/devstack/embedded-postgres.ts";
import { migrate } from "../../src/postgres/schema/migrate.ts";
import { type Filling, fillFiles } from "./fill-files.ts";

/**
 * Settings that any server gets for a database of this size: caches, and checkpoints that are minutes apart. They need a restart.
 */
const SETTINGS = {
  shared_buffers: "'8GB'",
  max_wal_size: "'16GB'",
  checkpoint_timeout: "'15min'",
  // There is no replica, so indexes can be built without being logged as well.
  wal_level: "minimal",
  max_wal_senders: "0",
  shared_preload_libraries: "'pg_stat_statements'",
} as const;

/** A database full of files. */
export interface FilledDatabase {
  readonly url: string;
  readonly client: Client;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL in a directory and brings its schema up to date. Fills it with `rows` rows if that has not been done.
 * Rejects when it was filled with another number of rows.
 */
export async function startFilledDatabase(
  dataDirectory: string,
  rows: number,
  report: (what: string) => void,
): Promise<FilledDatabase> {
  const postgres = await startLargePostgres(dataDirectory);
  try {
    await migrate({ url: postgres.url });
    const client = await fillDatabase(postgres.url, { rows }, report);
    return { url: postgres.url, client, stop: () => stop(postgres, client) };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** Starts PostgreSQL in a directory, with the settings of a server that holds millions of files. */
export async function startLargePostgres(dataDirectory: string): Promise<EmbeddedPostgres> {
  const options = { dataDirectory, password: "bench" };
  const first = await startEmbeddedPostgres(options);
  await withClient(first.url, async (client) => {
    for (const [name, value] of Object.entries(SETTINGS)) await client.query(`ALTER SYSTEM SET ${name} = ${value}`);
  });
  await first.stop();
  return await startEmbeddedPostgres(options);
}

/** Fills a migrated database if that has not been done, and reads all of it once. Resolves to a connection to it. */
export async function fillDatabase(url: string, filling: Filling, report: (what: string) => void): Promise<Client> {
  const client = await connect(url);
  try {
    await client.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    await fillOnce(client, { url, filling, report });
    report("reading all tables and indexes once, as a database that has run for a while has");
    await warm(client);
    return client;
  } catch (error) {
    // If the server ends a connection that has no error listener, the process fails.
    await client.end().catch(() => undefined);
    throw error;
  }
}

async function fillOnce(
  client: Client,
  { url, filling, report }: { url: string; filling: Filling; report: (what: string) => void },
): Promise<void> {
  const { rows } = filling;
  const wanted = `${rows} rows of the benchmark`;
  const found = await client.query<{ note: string | null }>("SELECT obj_description('file'::regclass) AS note");
  const note = found.rows[0]?.note;
  if (note === wanted) return;
  if (note)
    throw new Error(
      `the directory holds ${note}, not ${rows}; say --rows ${Number.parseInt(note, 10)}, or give another directory`,
    );
  await fillFiles(url, filling, report);
  await client.query(`COMMENT ON TABLE file IS '${wanted}'`);
}

/**
 * Reads everything once: indexes, which every query uses, into PostgreSQL's own cache, and tables into the system's cache.
 * The indexes are read last, because the tables go through PostgreSQL's cache as well and would push them out.
 */
export async function warm(client: Client): Promise<void> {
  await client.query("CREATE EXTENSION IF NOT EXISTS pg_prewarm");
  await client.query(`
    SELECT pg_prewarm(oid, CASE relkind WHEN 'i' THEN 'buffer' ELSE 'read' END) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') ORDER BY relkind, relpages DESC`);
}

/** A checkpoint comes first, because it takes longer than a shutdown is waited for. */
async function stop(postgres: EmbeddedPostgres, client: Client): Promise<void> {
  await client.query("CHECKPOINT").catch(() => undefined);
  await client.end();
  await postgres.stop();
}

async function withClient(url: string, act: (client: Client) => Promise<void>): Promise<void> {
  const client = await connect(url);
  await act(client).finally(() => client.end());
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}
