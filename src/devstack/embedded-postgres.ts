import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { chooseAccount } from "./postgres-account.ts";
import { findPostgresBinaries, type PostgresBinaries } from "./postgres-binaries.ts";
import { awaitPredecessor, initialize, isInitialized } from "./postgres-data-directory.ts";
import { type Cluster, PostgresLog, spawnInside } from "./postgres-process.ts";
import { findFreePort } from "./tcp-port.ts";

/** How the embedded database is started. */
export interface EmbeddedPostgresOptions {
  /** Made on the first start, used again afterwards; its parent folders need not be open to other users. */
  dataDirectory: string;
  /** Password of the superuser `sluice`, set when the directory is made. */
  password: string;
  /** Port on 127.0.0.1; a free one when absent. */
  port?: number;
  /** False skips every fsync: a crash of the machine may lose or corrupt the data, tests run faster. */
  durable?: boolean;
  /** Gets PostgreSQL's log, line by line. */
  onLog?: (line: string) => void;
}

/** A running PostgreSQL 15. */
export interface EmbeddedPostgres {
  port: number;
  pid: number;
  /** Connection URL of the database `sluice`, with the password. */
  url: string;
  /** Settles when the server process has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Fast shutdown: ends all sessions, writes everything down. Safe to call repeatedly. */
  stop(): Promise<void>;
}

const USER = "sluice";
const START_ATTEMPTS_MAX = 10;
const START_RETRY_MS = 200;
/** How long a server that is going down may keep the data directory, and how long `stop` waits before it insists. */
const SHUTDOWN_TIMEOUT_MS = 10_000;
/**
 * Tries to start: the next try may succeed after a port was taken in the meantime, or while a killed server's sessions
 * still end.
 */
const TRANSIENT = /Address already in use|pre-existing shared memory block/;

/**
 * Starts PostgreSQL on this machine only. As root it runs as another user (see chooseAccount), which reaches the data
 * directory through an inherited descriptor, so that the folders above may be closed to it. The server ends when this
 * process does, even by kill -9. Throws an Error whose message holds PostgreSQL's last words.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const account = await chooseAccount(options.dataDirectory);
  const binaries = await findPostgresBinaries(account);
  const cluster: Cluster = { account, binaries, log: new PostgresLog(options.onLog) };
  try {
    if (!(await isInitialized(options.dataDirectory))) await initialize(cluster, { ...options, user: USER });
    await awaitPredecessor(options.dataDirectory, SHUTDOWN_TIMEOUT_MS);
    for (let attempt = 1; ; attempt++) {
      const port = options.port ?? (await findFreePort());
      const child = await launch(cluster, { ...options, port });
      if (child !== undefined) return attend(child, cluster, { port, password: options.password });
      if (attempt === START_ATTEMPTS_MAX || !TRANSIENT.test(cluster.log.text)) {
        throw new Error(`PostgreSQL did not start in ${options.dataDirectory}:\n${cluster.log.text}`);
      }
      cluster.log.clear();
      await delay(START_RETRY_MS);
    }
  } catch (error) {
    await removeCopy(binaries);
    throw error;
  }
}

/** Starts the server; undefined when it ended before it was ready. */
async function launch(
  cluster: Cluster,
  options: EmbeddedPostgresOptions & { port: number },
): Promise<ChildProcess | undefined> {
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    logging_collector: "off",
    log_destination: "stderr",
    timezone: "UTC",
    ...(options.durable === false && { fsync: "off", full_page_writes: "off" }),
  };
  const child = await spawnInside(cluster, options.dataDirectory, {
    program: cluster.binaries.postgres,
    toArguments: (path) => [
      ...["-D", path, "-p", String(options.port)],
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
  });
  child.stdin?.end();
  return await new Promise((resolve) => {
    child.once("close", () => resolve(undefined));
    child.stderr?.on("data", () => {
      if (/ready to accept (read-only )?connections/.test(cluster.log.text)) resolve(child);
    });
  });
}

function attend(child: ChildProcess, cluster: Cluster, options: { port: number; password: string }): EmbeddedPostgres {
  const { copy } = cluster.binaries;
  const pid = child.pid ?? 0;
  const watchdog = spawnWatchdog(pid, copy);
  const exited = once(child, "exit").then(async () => {
    watchdog.kill("SIGKILL");
    await removeCopy(cluster.binaries);
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGINT");
      const insist = setTimeout(() => child.kill("SIGQUIT"), SHUTDOWN_TIMEOUT_MS);
      await exited.finally(() => clearTimeout(insist));
    }
    await exited;
  };
  const url = `postgres://${USER}:${encodeURIComponent(options.password)}@127.0.0.1:${options.port}/${USER}`;
  return { port: options.port, pid, url, exited, stop };
}

/** A shell that waits on a pipe which only our death closes, then ends the server and clears up. */
function spawnWatchdog(pid: number, copy: string | undefined): ChildProcess {
  const script = [
    "read -r _",
    'kill -INT "$0" 2>/dev/null',
    // Bounded: where nobody reaps it, a dead server stays visible for ever.
    'i=0; while [ $i -lt 100 ] && kill -0 "$0" 2>/dev/null; do i=$((i + 1)); sleep 0.1; done',
    '[ -z "$1" ] || rm -rf -- "$1"',
  ].join("\n");
  const watchdog = spawn("/bin/sh", ["-c", script, String(pid), copy ?? ""], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    detached: true,
  });
  watchdog.unref();
  return watchdog;
}

async function removeCopy(binaries: PostgresBinaries): Promise<void> {
  if (binaries.copy !== undefined) await rm(binaries.copy, { recursive: true, force: true });
}
