import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findFreePort, isPortFree } from "../../../devstack/tcp-port.ts";
import { until } from "../until.ts";
import { PLAIN_ENVIRONMENT } from "./plain-environment.ts";

/** A program of the stack as a process, with its output by lines. */
function startProgram(
  name: string,
  args: readonly string[],
  { settings, ...options }: { cwd: string; settings?: Readonly<Record<string, string>> | undefined },
) {
  const path = new URL(`../../../devstack/${name}`, import.meta.url).pathname;
  const env = { ...PLAIN_ENVIRONMENT, ...settings, TMPDIR: options.cwd };
  const child = spawn(process.execPath, [path, ...args], { cwd: options.cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on("line", (line) => lines.push(line));
  }
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const said = (pattern: RegExp) =>
    until(`${name} says ${pattern}`, () => {
      if (child.exitCode !== null) throw new Error(`${name} ended:\n${lines.join("\n")}`);
      return lines.find((line) => pattern.test(line));
    });
  return { child, lines, ended, said };
}

/** Three ports in a row that are free. */
export async function findFreePorts(): Promise<number> {
  for (;;) {
    const port = await findFreePort();
    if (port < 65_530 && (await isPortFree(port + 1)) && (await isPortFree(port + 2))) return port;
  }
}

/** Ids of the processes that a process has started, whose command line holds `word`. */
export async function findChildren(parent: number, word: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const [status, command] = await Promise.all(
      ["status", "cmdline"].map((file) => readFile(`/proc/${name}/${file}`, "utf8").catch(() => "")),
    );
    if (new RegExp(`^PPid:\\s+${parent}$`, "m").test(status ?? "") && command?.includes(word)) found.push(Number(name));
  }
  return found;
}

/** Whether a process still works: one that waits to be reaped does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State: Z");
  return !/^State:\s+[ZX]/m.test(status);
}

/** The programs of the stack, in a folder of each test's own; what still runs after a test is killed. */
export function useStackPrograms() {
  let directory: string;
  const running: ChildProcess[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-stack-"));
    // It stands in for the folder of temporary files, which everyone may enter.
    await chmod(directory, 0o755);
  });
  afterEach(async () => {
    for (const child of running.splice(0)) child.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true, maxRetries: 20 });
  });
  return {
    get directory() {
      return directory;
    },
    program: (name: string, args: readonly string[], settings?: Readonly<Record<string, string>>) => {
      const started = startProgram(name, args, { cwd: directory, settings });
      running.push(started.child);
      return started;
    },
  };
}
