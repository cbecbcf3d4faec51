import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const readyTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;
const children = new Set<ChildProcess>();

/** A process the benchmark started and must end. */
export interface BenchProcess {
  readonly pid: number;
  /** Sends one message to a process begun with `forkProcess` and resolves with the next one it sends back. */
  ask(message: object): Promise<Record<string, unknown>>;
  /** SIGTERM, then SIGKILL after five seconds; resolves once the process is gone. Safe to call twice. */
  stop(): Promise<void>;
}

/** How to begin a process: arguments, and variables laid over this process's environment. */
export interface ProcessStart {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs one of the benchmark's own TypeScript entries under this Node, with a message channel. Resolves with its first
 * message, by which it says that it is ready; rejects when it exits or stays silent for 30 s instead.
 */
export async function forkProcess(
  entry: URL,
  { args = [], env = {} }: ProcessStart = {},
): Promise<BenchProcess & { readonly ready: Record<string, unknown> }> {
  const child = begin(process.execPath, [entry.pathname, ...args], env, ["ignore", "inherit", "inherit", "ipc"]);
  const ready = await nextMessage(child, AbortSignal.timeout(readyTimeoutMs));
  return { ...handle(child), ready };
}

/**
 * Runs any program and resolves with the first line of its output that `isReady` accepts; what it writes on the standard
 * error stream is shown only when it ends before that.
 */
export async function spawnProcess(
  command: string,
  isReady: (line: string) => boolean,
  { args = [], env = {} }: ProcessStart = {},
): Promise<BenchProcess & { readonly line: string }> {
  const child = begin(command, args, env, ["ignore", "pipe", "pipe"]);
  const heard: string[] = [];
  const lines = [child.stdout, child.stderr].map((stream) => createInterface({ input: stream! }));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  for (const reader of lines) {
    reader.on("line", (line) => {
      if (heard.length < 100) heard.push(line);
      if (isReady(line)) resolve(line);
    });
  }
  const name = [command, ...args].join(" ");
  const fail = (why: string) => reject(new Error(`${name}: ${why}\n${heard.join("\n")}`));
  const timer = setTimeout(() => fail(`not ready after ${readyTimeoutMs / 1000} s`), readyTimeoutMs);
  child.once("exit", (code, signal) => fail(`ended (${signal ?? code}) before it was ready`));
  try {
    return { ...handle(child), line: await promise };
  } finally {
    clearTimeout(timer);
  }
}

/** Ends every process begun here that is still alive. For the way out: end of run, error, Ctrl-C. */
export async function stopAllProcesses(): Promise<void> {
  await Promise.all([...children].map((child) => handle(child).stop()));
}

function begin(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdio: NonNullable<SpawnOptions["stdio"]>,
): ChildProcess {
  const child = spawn(command, [...args], { stdio, env: { ...process.env, ...env } });
  child.on("error", (error) => process.emitWarning(`${command}: ${error.message}`));
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

function handle(child: ChildProcess): BenchProcess {
  return {
    pid: child.pid!,
    ask(message) {
      const answer = nextMessage(child);
      child.send(message);
      return answer;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

async function nextMessage(child: ChildProcess, signal?: AbortSignal): Promise<Record<string, unknown>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  const onMessage = (message: Record<string, unknown>) =>
    typeof message.error === "string" ? reject(new Error(message.error)) : resolve(message);
  const onExit = (code: number | null, by: string | null) =>
    reject(new Error(`${child.spawnargs.join(" ")}: ended (${by ?? code}) without an answer`));
  const onAbort = () => reject(new Error(`${child.spawnargs.join(" ")}: silent for ${readyTimeoutMs / 1000} s`));
  child.once("message", onMessage).once("exit", onExit);
  signal?.addEventListener("abort", onAbort);
  try {
    return await promise;
  } finally {
    child.off("message", onMessage).off("exit", onExit);
    signal?.removeEventListener("abort", onAbort);
  }
}
