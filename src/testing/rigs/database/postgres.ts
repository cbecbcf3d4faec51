import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../../devstack/embedded-postgres.ts";
import { migrate } from "../../../postgres/schema/migrate.ts";
import { guardJournal } from "./journal-guard.ts";
import { startPgBouncer } from "./pgbouncer.ts";
import { divideByNamespace, executeOn, prepareManaged, readPostgresForm, TENANT } from "./postgres-form.ts";

/** A database of its own for one test file. */
export interface TestDatabase {
  url: string;
  /** The database itself, past a pooler, as a superuser. */
  adminUrl: string;
  /** Ends its sessions and removes it. */
  drop(): Promise<void>;
}

/** A PostgreSQL for tests, with a migrated template. */
export interface TestServer {
  /** URL of a superuser. */
  url: string;
  /** What tests reach databases by, under their own names. */
  testUrl: string;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** Variable by which processes that run test files side by side are told the URLs of the server that they share, as JSON. */
export const SHARED_SERVER = "SLUICE_TEST_SHARED_POSTGRES";

/** A database is copied there in a third of the time. All databases of a run together stay below the bound. */
const MEMORY_DISK = "/dev/shm";
const MEMORY_DISK_BYTES_MIN = 4 * 1024 ** 3;

const TEMPLATE = "template_migrated";
const EMPTY_TEMPLATE = "template_empty";
/** The limits that sessions behind a pooler are to have, as docs/deploying.md says. */
const SESSION_LIMITS = "SET statement_timeout = 10000; SET idle_in_transaction_session_timeout = 10000";
let server: Promise<TestServer> | undefined;
let databases = 0;

/** A fresh database with all migrations applied, on a PostgreSQL that all files of the run share. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return await createDatabase(TEMPLATE);
}

/** A fresh database without any table. There is no pooler in front of it, because migrations go past poolers. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return await createDatabase(EMPTY_TEMPLATE);
}

/**
 * Creates a database on a running server, as a copy of `template`, or an empty one of Unicode whatever the server's own
 * encoding is. `serverUrl` is that of a superuser.
 */
export async function createDatabaseOn(
  serverUrl: string,
  { name, template = "template0 ENCODING 'UTF8' LOCALE 'C'" }: { name: string; template?: string },
): Promise<TestDatabase> {
  // Copied as files, and not through the log: the server writes nothing to the disk before it answers, so files are quicker.
  await executeOn(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, adminUrl: url.href, drop: () => executeOn(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`) };
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
  const { url, testUrl } = shared === undefined ? await server! : (JSON.parse(shared) as TestServer);
  const database = await createDatabaseOn(url, { name: `test_${process.pid}_${++databases}`, template });
  const own = new URL(template === EMPTY_TEMPLATE ? toDirect(testUrl, url) : testUrl);
  own.pathname = new URL(database.url).pathname;
  return { ...database, url: own.href };
}

/** The server itself, as the user of the tests. */
function toDirect(testUrl: string, serverUrl: string): string {
  const direct = new URL(serverUrl);
  direct.username = new URL(testUrl).username;
  return direct.href;
}

/** Starts a PostgreSQL on a free port, of the form that SLUICE_TEST_POSTGRES names. */
export async function startTestServer(): Promise<TestServer> {
  const form = readPostgresForm();
  const directory = await mkdtemp(join(await findQuickFolder(), "sluice-test-postgres-"));
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(directory, "data"),
    password: "test",
    durable: false,
  });
  const own = new URL(postgres.url);
  if (form === "managed") {
    await executeOn(own.href, `CREATE ROLE ${TENANT} LOGIN PASSWORD 'test'`);
    own.username = TENANT;
  }
  for (const name of [EMPTY_TEMPLATE, TEMPLATE]) {
    const { url } = await createDatabaseOn(postgres.url, { name });
    if (form === "managed") await prepareManaged(url);
  }
  own.pathname = `/${TEMPLATE}`;
  await migrate({ url: own.href });
  if (form === "partitions") await divideByNamespace(own.href);
  await guardJournal(own.href);
  const pooler =
    form === "pgbouncer" ? await startPgBouncer(postgres.url, { connectQuery: SESSION_LIMITS }) : undefined;
  if (typeof pooler === "string") throw new Error(pooler);
  return {
    url: postgres.url,
    testUrl: pooler?.url ?? own.href,
    stop: async () => {
      await pooler?.stop();
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The folder of Linux's memory disk where it has the room, which some containers lack; else that of all temporary files. */
async function findQuickFolder(): Promise<string> {
  const disk = await statfs(MEMORY_DISK).catch(() => undefined);
  return disk !== undefined && disk.bavail * disk.bsize >= MEMORY_DISK_BYTES_MIN ? MEMORY_DISK : tmpdir();
}
