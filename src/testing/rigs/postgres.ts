import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startEmbeddedPostgres } from "../../devstack/embedded-postgres.ts";
import { migrate } from "../../postgres/schema/migrate.ts";
import { guardJournal } from "./journal-guard.ts";

/** A database of its own for one test file. */
export interface TestDatabase {
  url: string;
  /** Ends its sessions and removes it. */
  drop(): Promise<void>;
}

/** A PostgreSQL for tests, with a migrated template. */
export interface TestServer {
  url: string;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** Variable by which processes that run test files side by side are told the URL of the server that they share. */
export const SHARED_SERVER = "SLUICE_TEST_SHARED_POSTGRES";

const TEMPLATE = "template_migrated";
let server: Promise<TestServer> | undefined;
let databases = 0;

/** A fresh database with all migrations applied, on a PostgreSQL that all files of the run share. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return await createDatabase(TEMPLATE);
}

/** A fresh database without any table. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return await createDatabase("template0");
}

/**
 * Creates a database on a running server, as a copy of `template`, or an empty one of Unicode whatever the server's own
 * encoding is. `serverUrl` is that of a superuser.
 */
export async function createDatabaseOn(
  serverUrl: string,
  { name, template = "template0 ENCODING 'UTF8' LOCALE 'C'" }: { name: string; template?: string },
): Promise<TestDatabase> {
  await execute(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => execute(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`) };
}

/** Ends this process's server and removes its files, if any test has started it. */
export async function stopTestPostgres(): Promise<void> {
  const started = await server;
  server = undefined;
  await started?.stop();
}

async function createDatabase(template: string): Promise<TestDatabase> {
  const shared = process.env[SHARED_SERVER];
  if (shared === undefined) server ??= startTestServer();
  const url = shared ?? (await server)!.url;
  return await createDatabaseOn(url, { name: `test_${process.pid}_${++databases}`, template });
}

/** Starts a PostgreSQL on a free port. */
export async function startTestServer(): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-test-postgres-"));
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(directory, "data"),
    password: "test",
    durable: false,
  });
  const { url } = await createDatabaseOn(postgres.url, { name: TEMPLATE });
  await migrate({ url });
  await guardJournal(url);
  return {
    url: postgres.url,
    stop: async () => {
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
