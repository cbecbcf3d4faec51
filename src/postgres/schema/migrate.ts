import { fileURLToPath } from "node:url";
import { Client, type ClientBase, escapeIdentifier } from "pg";
import { DomainError } from "../../domain/errors.ts";
import { type DatabaseTls, toTlsOptions } from "../pool/database-tls.ts";
import { databaseUnsecured, toDomainError } from "../pool/errors.ts";
import { toDatabaseWay } from "../pool/pooler.ts";
import { createRdsPassword } from "../pool/rds-password.ts";
import { type MigrationFile, readMigrationFiles } from "./migration-files.ts";
import {
  type AppliedMigration,
  createHistory,
  findPending,
  insertApplied,
  isEmptySchema,
  readHistory,
} from "./schema-history.ts";

/** How the database is reached, and what is applied to it. */
export interface MigrateOptions {
  /** postgres://user:password@host:port/database, without `sslmode`: `tls` says it. `migrate` refuses one with `pooler=transaction`. */
  url: string;
  tls?: DatabaseTls | undefined;
  /** Region of RDS, which then issues a token for the login; the URL's password is used when left out. */
  iamRegion?: string | undefined;
  /** Folder of the SQL files; ours when absent. */
  directory?: string;
  /** A role that gets the rights of the service, and none of the owner. It is made where it is missing, without a password. */
  serviceRole?: string | undefined;
}

const OWN_DIRECTORY = fileURLToPath(new URL("../../../migrations/", import.meta.url));
const CONNECT_TIMEOUT_MS = 5_000;
/** How long to wait for another replica that migrates, and for locks on tables in use. */
const LOCK_TIMEOUT_MS = 60_000;
/** Serializes our own migrators; Flyway has its own lock. Any number that nothing else in the database uses. */
const ADVISORY_LOCK = 7_758_423_311_019;

/**
 * Brings the schema up to date and returns the scripts that were applied. Keeps Flyway's own history table, so that
 * Flyway may take over at any time. Replicas that start together wait for each other. Errors: `failed_precondition /
 * ARGUMENT_INVALID` with a sentence when the history contradicts the files or a statement fails (nothing of that file
 * is kept then), `unavailable / DATABASE_UNAVAILABLE`.
 */
export async function migrate(options: MigrateOptions): Promise<{ applied: string[] }> {
  assertDirect(options.url);
  return await withClient(options, async (client) => {
    const files = await readMigrationFiles(options.directory ?? OWN_DIRECTORY);
    await assertUtf8(client);
    await client.query("SELECT pg_advisory_lock($1)", [ADVISORY_LOCK]);
    let history = await readHistory(client);
    if (history === undefined) {
      await assertEmpty(client);
      await assertExtension(client);
      await createHistory(client);
      history = [];
    }
    const pending = findPending(files, history);
    for (const file of pending) await apply(client, file);
    if (options.serviceRole !== undefined) await grantTo(client, options.serviceRole);
    return { applied: pending.map((file) => file.script) };
  });
}

/**
 * Compares the history with the files and changes nothing. Returns the scripts that `migrate` would apply; errors as
 * there. Versions newer than ours are fine: an older release runs beside a newer one during a rollout.
 */
export async function validateMigrations(options: MigrateOptions): Promise<{ pending: string[] }> {
  return await withClient(options, async (client) => {
    const files = await readMigrationFiles(options.directory ?? OWN_DIRECTORY);
    const history: AppliedMigration[] = (await readHistory(client)) ?? [];
    return { pending: findPending(files, history).map((file) => file.script) };
  });
}

async function withClient<T>(options: MigrateOptions, work: (client: ClientBase) => Promise<T>): Promise<T> {
  const { url, isPooled } = toDatabaseWay(options.url);
  const client = new Client({
    connectionString: await toLoginUrl({ ...options, url }),
    // Without this, the environment's PGSSLMODE would decide.
    ssl: options.tls === undefined ? false : toTlsOptions(options.tls),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // A parameter of the session, which a pooler refuses.
    ...(!isPooled && { lock_timeout: LOCK_TIMEOUT_MS }),
    application_name: "sluice-migrate",
  });
  // A connection lost between two statements shows at the next one; unheard, the event would end the process.
  client.on("error", () => undefined);
  let isConnected = false;
  try {
    await client.connect();
    isConnected = true;
    return await work(client);
  } catch (error) {
    const translated = toDomainError(error);
    // pg reports a server without TLS by a plain Error.
    const isUnsecured = !isConnected && options.tls !== undefined && !(translated instanceof DomainError);
    throw isUnsecured ? databaseUnsecured(error) : translated;
  } finally {
    await client.end();
  }
}

/** A lock of the session keeps migrators apart, and each file's statements belong together. */
function assertDirect(url: string): void {
  if (!toDatabaseWay(url).isPooled) return;
  const message =
    "the URL says pooler=transaction, and a migration needs a session of its own; name the database itself, past the pooler, in " +
    "SLUICE_DATABASE_DIRECT_URL";
  throw new DomainError("failed_precondition", message, { reason: "ARGUMENT_INVALID" });
}

/** The URL with a password. pg forgets a function that makes one when it has a URL as well. */
async function toLoginUrl({ url, iamRegion }: MigrateOptions): Promise<string> {
  if (iamRegion === undefined) return url;
  const login = new URL(url);
  login.password = encodeURIComponent(await createRdsPassword({ url, region: iamRegion })());
  return login.href;
}

/** Paths and words are Unicode; the encoding of a database cannot be changed later. */
async function assertUtf8(client: ClientBase): Promise<void> {
  const { rows } = await client.query("SHOW server_encoding");
  const encoding = String(rows[0]?.server_encoding);
  if (encoding === "UTF8") return;
  const message = `the database has the encoding ${encoding}; create one with CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`;
  throw new DomainError("failed_precondition", message, { reason: "ARGUMENT_INVALID", details: { encoding } });
}

/** Searches for parts of paths need it, so the first migration makes it where it is missing. */
const EXTENSION = "pg_trgm";

/** Whoever migrates has to find the extension, or be allowed to make it. */
async function assertExtension(client: ClientBase): Promise<void> {
  const { rows } = await client.query(
    `SELECT current_user AS role, current_database() AS database, v.name IS NOT NULL AS "isAvailable",
       EXISTS (SELECT FROM pg_extension e WHERE e.extname = $1) AS "isThere",
       r.rolsuper OR (v.trusted AND has_database_privilege(current_database(), 'CREATE')) AS "isAllowed"
     FROM pg_roles r LEFT JOIN (
       SELECT x.name, bool_or(x.trusted) AS trusted FROM pg_available_extension_versions x WHERE x.name = $1 GROUP BY x.name
     ) v ON true
     WHERE r.rolname = current_user`,
    [EXTENSION],
  );
  const { isThere, isAvailable, isAllowed, role, database } = rows[0];
  if (isThere || isAllowed) return;
  const remedy = isAvailable
    ? `the user ${role} may not create it. Let the database's owner or an administrator run in the database ${database}: CREATE EXTENSION ${EXTENSION}`
    : "the server does not offer it. Install PostgreSQL's contrib modules there, or allow the extension where the provider lists those that it allows";
  const message = `the database lacks the extension ${EXTENSION}, and ${remedy}`;
  throw new DomainError("failed_precondition", message, { reason: "ARGUMENT_INVALID" });
}

/** On RDS and Aurora, where there is the role rds_iam, the service's role logs in by tokens of IAM. */
async function grantTo(client: ClientBase, role: string): Promise<void> {
  const name = escapeIdentifier(role);
  const { rows } = await client.query("SELECT rolname FROM pg_roles WHERE rolname IN ($1, 'rds_iam')", [role]);
  const roles = rows.map(({ rolname }) => rolname);
  if (!roles.includes(role)) await client.query(`CREATE ROLE ${name} LOGIN`);
  if (roles.includes("rds_iam")) await client.query(`GRANT rds_iam TO ${name}`);
  await client.query("SELECT grant_to_service($1)", [role]);
}

async function assertEmpty(client: ClientBase): Promise<void> {
  if (await isEmptySchema(client)) return;
  throw new DomainError(
    "failed_precondition",
    "the database holds tables but no flyway_schema_history; give Sluice a database or schema of its own",
    { reason: "ARGUMENT_INVALID" },
  );
}

async function apply(client: ClientBase, file: MigrationFile): Promise<void> {
  const startTime = performance.now();
  const note = (success: boolean) =>
    insertApplied(client, file, { success, executionTimeMs: Math.round(performance.now() - startTime) });
  if (file.inTransaction) await client.query("BEGIN");
  try {
    await client.query(file.sql);
    await note(true);
    if (file.inTransaction) await client.query("COMMIT");
  } catch (error) {
    const translated = toDomainError(error);
    if (translated instanceof DomainError) throw translated;
    if (file.inTransaction) await client.query("ROLLBACK");
    else await note(false);
    throw new DomainError("failed_precondition", `migration ${file.script} failed; ${toRemedy(file)}`, {
      reason: "ARGUMENT_INVALID",
      cause: error,
      details: { script: file.script, message: (error as Error).message },
    });
  }
}

function toRemedy(file: MigrationFile): string {
  return file.inTransaction
    ? "nothing of it was kept: mend the file and migrate again"
    : "parts of it may have been kept: undo them, delete its row from flyway_schema_history and migrate again";
}
