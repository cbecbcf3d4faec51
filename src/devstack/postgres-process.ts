import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import type { Account } from "./postgres-account.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";

const LOG_LINES_KEPT = 40;

/** Options of every start of a PostgreSQL program. */
export interface Cluster {
  account: Account | undefined;
  binaries: PostgresBinaries;
  log: PostgresLog;
}

/** The last lines that PostgreSQL's programs wrote. */
export class PostgresLog {
  readonly #onLine: ((line: string) => void) | undefined;
  #lines: string[] = [];

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
  }

  get text(): string {
    return this.#lines.join("\n");
  }

  clear(): void {
    this.#lines = [];
  }

  follow(child: ChildProcess): void {
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n")) {
        if (line === "") continue;
        this.#lines.push(line);
        if (this.#lines.length > LOG_LINES_KEPT) this.#lines.shift();
        this.#onLine?.(line);
      }
    });
  }
}

/**
 * Spawns a program with the data directory. Another user may not be able to pass the folders above it (a clone under
 * /root); the kernel follows /proc/self/fd to the open directory itself, without asking them.
 */
export async function spawnInside(
  cluster: Cluster,
  dataDirectory: string,
  command: { program: string; toArguments: (path: string) => string[] },
): Promise<ChildProcess> {
  const { account } = cluster;
  // Opened and closed without a wait: a program that fails at once must not end before somebody listens for its end.
  const descriptor =
    account === undefined ? undefined : openSync(dataDirectory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const stdio: SpawnOptions["stdio"] = ["pipe", "ignore", "pipe"];
    if (descriptor !== undefined) stdio.push(descriptor);
    const child = spawn(
      command.program,
      command.toArguments(descriptor === undefined ? dataDirectory : "/proc/self/fd/3"),
      {
        ...account,
        stdio,
        cwd: "/",
        env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
        // Its own session: Ctrl-C in a terminal goes to us alone, and we decide when the database ends.
        detached: true,
      },
    );
    cluster.log.follow(child);
    await once(child, "spawn");
    return child;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
