import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePort } from "../../../devstack/tcp-port.ts";
import { findTool, type Tool } from "./find-tool.ts";

/** SeaweedFS is four servers that wait for one another; Python imports every AWS service's model for moto's first answer. */
const START_TIMEOUT_MS = 60_000;

/** A server of others' that runs for tests. */
export interface ToolProcess {
  /** `http://127.0.0.1:{port}` */
  url: string;
  /** Ends it and removes what it stored. */
  stop(): Promise<void>;
}

/** How to start a server: its command line for a port of 127.0.0.1 and an empty folder, and what tells that it serves. */
export interface ToolRecipe {
  tool: Tool;
  args: (at: { port: number; directory: string }) => string[] | Promise<string[]>;
  env: Readonly<Record<string, string>>;
  /** Rejects as long as the server at the URL does not serve; it is called again until it resolves. */
  use: (url: string) => Promise<void>;
  /** Gets what it writes to its standard error. */
  onWords?: (text: string) => void;
}

/**
 * Starts a server of others' on a free port, in a temporary folder. It ends with this process. Resolves to a sentence that says
 * what is missing, or of another version than the pinned one.
 */
export async function startTool({ tool, args, env, use, onWords }: ToolRecipe): Promise<ToolProcess | string> {
  const found = await findTool(tool);
  if (typeof found === "string") return found;
  const directory = await mkdtemp(join(tmpdir(), `sluice-${tool.name}-`));
  const port = await findFreePort();
  const child = spawn(found.program, await args({ port, directory }), {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  child.stderr?.on("data", (text) => onWords?.(String(text)));
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const stop = async () => {
    process.off("exit", killWithUs);
    await end(child);
    await rm(directory, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilServing(child, { name: tool.name, use: () => use(url) });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

async function untilServing(
  child: ChildProcess,
  { name, use }: { name: string; use: () => Promise<void> },
): Promise<void> {
  let lastWords = "";
  child.stderr?.on("data", (text) => {
    lastWords = `${lastWords}${text}`.slice(-2000);
  });
  child.once("error", (error) => {
    lastWords = error.message;
  });
  let failure: unknown;
  for (const endsAt = performance.now() + START_TIMEOUT_MS; performance.now() < endsAt; await delay(50)) {
    try {
      return await use();
    } catch (error) {
      failure = error;
    }
    if (child.exitCode !== null || child.signalCode !== null) break;
  }
  throw new Error(`${name} did not start: ${lastWords}`, { cause: failure });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
