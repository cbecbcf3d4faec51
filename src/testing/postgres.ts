import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../devstack/embedded-postgres.ts";
import { migrate } from "../postgres/migrate.ts";

/** A database of its own for one test file. */
export interface TestDatabase {
  url: string;
  /** Ends its sessions and removes it. */
  drop(): Promise<void>;
}

interface TestServer {
  postgres: EmbeddedPostgres;
  directory: string;
  databases: number;
}

const TEMPLATE = "template_migrated";
let server: Promise<TestServer> | undefined;

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

/** Ends the shared server and removes its files, if any test has started it. */
export async function stopTestPostgres(): Promise<void> {
  if (server === undefined) return;
  const { postgres, directory } = await server;
  server = undefined;
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
}

async function createDatabase(template: string): Promise<TestDatabase> {
  server ??= startServer();
  const running = await server;
  return await createDatabaseOn(running.postgres.url, { name: `test_${++running.databases}`, template });
}

async function startServer(): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-test-postgres-"));
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(directory, "data"),
    password: "test",
    durable: false,
  });
  const { url } = await createDatabaseOn(postgres.url, { name: TEMPLATE });
  await migrate({ url });
  return { postgres, directory, databases: 0 };
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
