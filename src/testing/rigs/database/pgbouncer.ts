import { spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseAccount } from "../../../devstack/postgres-account.ts";
import { findFreePort } from "../../../devstack/tcp-port.ts";
import { findTool, TOOLS } from "../tools/find-tool.ts";
import { until } from "../until.ts";
import { executeOn } from "./postgres-form.ts";

/** A PgBouncer in front of a server. */
export interface PgBouncer {
  /** The server's URL with the pooler's port, and `pooler=transaction`. */
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts PgBouncer with pool_mode=transaction in front of a server, for all of its databases. Sessions take turns, so that two statements in
 * a row have different ones whenever they can. As root it runs as the user of PostgreSQL, because it refuses root. `serverUrl` is that of a
 * superuser with a password; each session begins with `connectQuery`. Resolves to a sentence that says what is missing.
 */
export async function startPgBouncer(
  serverUrl: string,
  { connectQuery = "SELECT 1" }: { connectQuery?: string } = {},
): Promise<PgBouncer | string> {
  const found = await findTool(TOOLS.pgbouncer);
  if (typeof found === "string") return found;
  const server = new URL(serverUrl);
  const directory = await mkdtemp(join(tmpdir(), "sluice-pgbouncer-"));
  const account = await chooseAccount(directory);
  const port = await findFreePort();
  const [users, config] = [join(directory, "users.txt"), join(directory, "pgbouncer.ini")];
  await writeFile(users, `"${server.username}" "${server.password}"\n`);
  await writeFile(config, toSettings(server, { port, users, connectQuery }));
  if (account !== undefined) {
    for (const path of [directory, users, config]) await chown(path, account.uid, account.gid);
  }
  const child = spawn(found.program, ["--quiet", config], {
    ...account,
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe"],
  });
  let lastWords = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    lastWords = `${lastWords}${text}`.slice(-2000);
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const url = new URL(serverUrl);
  url.port = String(port);
  await until("PgBouncer answers", async () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer did not start: ${lastWords}`);
    return await executeOn(url.href, "SELECT 1").then(
      () => true,
      () => false,
    );
  });
  url.searchParams.set("pooler", "transaction");
  return {
    url: url.href,
    stop: async () => {
      process.off("exit", killWithUs);
      const exited = child.exitCode === null ? once(child, "exit") : undefined;
      child.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** https://www.pgbouncer.org/config.html; roles that tests make log in by what the server knows of them. */
function toSettings(
  server: URL,
  { port, users, connectQuery }: { port: number; users: string; connectQuery: string },
): string {
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    pool_mode: "transaction",
    auth_type: "scram-sha-256",
    auth_file: users,
    auth_user: server.username,
    server_round_robin: 1,
    max_client_conn: 1000,
    default_pool_size: 20,
    // A database that a test has dropped keeps no session, and PostgreSQL has a hundred.
    server_idle_timeout: 5,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `[databases]\n* = host=${server.hostname} port=${server.port} connect_query='${connectQuery}'\n[pgbouncer]\n${lines.join("\n")}\n`;
}
