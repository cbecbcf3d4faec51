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
  const name = `test_${++running.databases}`;
  await execute(running.postgres.url, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const drop = () => execute(running.postgres.url, `DROP DATABASE ${name} WITH (FORCE)`);
  return { url: toDatabaseUrl(running.postgres, name), drop };
}

async function startServer(): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-test-postgres-"));
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(directory, "data"),
    password: "test",
    durable: false,
  });
  await execute(postgres.url, `CREATE DATABASE ${TEMPLATE}`);
  await migrate({ url: toDatabaseUrl(postgres, TEMPLATE) });
  return { postgres, directory, databases: 0 };
}

function toDatabaseUrl(postgres: EmbeddedPostgres, name: string): string {
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return url.href;
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
