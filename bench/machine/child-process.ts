import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";

const readyTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;
/** The last characters of a program's output that are kept, to be shown when the program fails. */
const lastWordsMax = 4_000;
const children = new Set<ChildProcess>();
let closing = false;

/** A process that the benchmark started and must end. */
export interface BenchProcess {
  readonly pid: number;
  /** Sends one message to a process begun with `forkProcess` and resolves with the next one it sends back. */
  ask(message: object): Promise<Record<string, unknown>>;
  /** Resolves when the process ended by itself with 0 or was stopped; rejects, with its last words, when it failed. */
  ended(): Promise<void>;
  /** Resolves once the process has written `text`, and rejects when it ends or 30 s pass before that. */
  said(text: string): Promise<void>;
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
  const child = begin(process.execPath, { args: [entry.pathname, ...args], env }, [
    "ignore",
    "inherit",
    "inherit",
    "ipc",
  ]);
  const ready = await nextMessage(child, AbortSignal.timeout(readyTimeoutMs));
  return { ...handle(child, () => ""), ready };
}

/** Runs any program. Its output is kept back; only the error that reports its failure shows it. */
export function startProcess(command: string, { args = [], env = {} }: ProcessStart = {}): BenchProcess {
  const child = begin(command, { args, env }, ["ignore", "pipe", "pipe"]);
  let lastWords = "";
  for (const output of [child.stdout!, child.stderr!]) {
    output.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-lastWordsMax);
    });
  }
  return handle(child, () => lastWords);
}

/**
 * Ends every process begun here that is still alive, and lets none begin meanwhile. It is called at the end of a run, after
 * an error and on Ctrl-C.
 */
export async function stopAllProcesses(): Promise<void> {
  closing = true;
  await Promise.all([...children].map(stop));
  // In a test run, other benchmarks follow in the same process.
  closing = false;
}

function begin(
  command: string,
  { args, env }: Required<ProcessStart>,
  stdio: NonNullable<SpawnOptions["stdio"]>,
): ChildProcess {
  if (closing) throw new Error("the benchmark is being stopped");
  const child = spawn(command, [...args], { stdio, env: { ...process.env, ...env } });
  child.on("error", (error) => process.emitWarning(`${command}: ${error.message}`));
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

function handle(child: ChildProcess, lastWords: () => string): BenchProcess {
  return {
    pid: child.pid!,
    stop: () => stop(child),
    ended: () => ended(child, lastWords),
    ask(message) {
      const answer = nextMessage(child);
      child.send(message);
      return answer;
    },
    said: (text) => said(child, text, lastWords),
  };
}

async function said(child: ChildProcess, text: string, lastWords: () => string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (why: string) => reject(new Error(`${nameOf(child)}: ${why}\n${lastWords()}`));
  const listen = () => {
    if (lastWords().includes(text)) resolve();
  };
  const timer = setTimeout(() => fail(`not ready after ${readyTimeoutMs / 1000} s`), readyTimeoutMs);
  const onExit = () => fail("ended before it was ready");
  child.once("exit", onExit);
  child.stdout!.on("data", listen);
  child.stderr!.on("data", listen);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    child.off("exit", onExit);
    child.stdout!.off("data", listen);
    child.stderr!.off("data", listen);
  }
}

async function ended(child: ChildProcess, lastWords: () => string): Promise<void> {
  if (!hasEnded(child)) await once(child, "exit");
  if (child.exitCode !== 0 && !child.killed) {
    throw new Error(`${nameOf(child)}: ended with ${child.exitCode ?? child.signalCode}\n${lastWords()}`);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await exited;
  clearTimeout(timer);
}

async function nextMessage(child: ChildProcess, signal?: AbortSignal): Promise<Record<string, unknown>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  const onMessage = (message: Record<string, unknown>) =>
    typeof message.error === "string" ? reject(new Error(message.error)) : resolve(message);
  const onExit = (code: number | null, by: string | null) =>
    reject(new Error(`${nameOf(child)}: ended (${by ?? code}) without an answer`));
  const onAbort = () => reject(new Error(`${nameOf(child)}: silent for ${readyTimeoutMs / 1000} s`));
  child.once("message", onMessage).once("exit", onExit);
  signal?.addEventListener("abort", onAbort);
  try {
    return await promise;
  } finally {
    child.off("message", onMessage).off("exit", onExit);
    signal?.removeEventListener("abort", onAbort);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function nameOf(child: ChildProcess): string {
  return child.spawnargs.join(" ");
}
