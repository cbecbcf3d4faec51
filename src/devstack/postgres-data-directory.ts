import { once } from "node:events";
import { chown, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Cluster, spawnInside } from "./postgres-process.ts";

const MAJOR_VERSION = "15";
const POLL_MS = 50;

/** Whether the folder holds a database of this version; false when it is empty or absent. Throws when it holds anything else. */
export async function isInitialized(dataDirectory: string): Promise<boolean> {
  const names: string[] = await readdir(dataDirectory).catch(() => []);
  if (names.length === 0) return false;
  if (!names.includes("PG_VERSION")) {
    throw new Error(`${dataDirectory} holds files but no PostgreSQL database; give an empty or a new folder`);
  }
  const version = (await readFile(join(dataDirectory, "PG_VERSION"), "utf8")).trim();
  if (version !== MAJOR_VERSION) {
    throw new Error(
      `${dataDirectory} was made by PostgreSQL ${version}; this is ${MAJOR_VERSION}. Give another folder.`,
    );
  }
  return true;
}

/**
 * Makes the data directory under another name and renames it when it is whole, so that a killed start leaves no half
 * directory.
 */
export async function initialize(
  cluster: Cluster,
  options: { dataDirectory: string; user: string; password: string },
): Promise<void> {
  const unfinished = `${options.dataDirectory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  const secrets = await mkdtemp(join(tmpdir(), "sluice-secret-"));
  try {
    const passwordFile = join(secrets, "password");
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
    if (cluster.account !== undefined) {
      const { uid, gid } = cluster.account;
      await Promise.all([unfinished, secrets, passwordFile].map((path) => chown(path, uid, gid)));
    }
    await runInside(cluster, unfinished, {
      program: cluster.binaries.initdb,
      arguments: [
        `--username=${options.user}`,
        "--auth=scram-sha-256",
        `--pwfile=${passwordFile}`,
        // No locale needs to be installed, and text compares by bytes.
        "--locale=C",
        "--encoding=UTF8",
        "--no-sync",
        "--no-instructions",
      ],
    });
    await runInside(cluster, unfinished, {
      program: cluster.binaries.postgres,
      arguments: ["--single", "-c", "fsync=off", "postgres"],
      input: `CREATE DATABASE ${options.user};\n`,
    });
    await rename(unfinished, options.dataDirectory);
  } finally {
    await rm(secrets, { recursive: true, force: true });
  }
}

async function runInside(
  cluster: Cluster,
  dataDirectory: string,
  command: { program: string; arguments: string[]; input?: string },
): Promise<void> {
  const { program, input = "" } = command;
  const [first = "", ...rest] = command.arguments;
  // `--single` is heard as the first argument only.
  const toArguments = (path: string) => [first, "-D", path, ...rest];
  const child = await spawnInside(cluster, dataDirectory, { program, toArguments });
  child.stdin?.on("error", () => undefined).end(input);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${cluster.log.text}`);
}

/**
 * A server whose parent was killed is going down by itself: waits for it. A postmaster.pid that names another process
 * (the number was given out again) is removed, since PostgreSQL would refuse to start.
 */
export async function awaitPredecessor(dataDirectory: string, timeoutMs: number): Promise<void> {
  const pidFile = join(dataDirectory, "postmaster.pid");
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const pid = Number.parseInt(await readFile(pidFile, "utf8").catch(() => ""), 10);
    if (!(pid > 0) || !isAlive(pid)) return;
    if (!(await isPostmasterOf(pid, dataDirectory))) return await rm(pidFile, { force: true });
    if (Date.now() > deadline)
      throw new Error(`${dataDirectory} is in use by PostgreSQL process ${pid}; stop it first`);
    await delay(POLL_MS);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function isPostmasterOf(pid: number, dataDirectory: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const workingDirectory = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return workingDirectory === (await realpath(dataDirectory));
}
