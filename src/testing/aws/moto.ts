import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { findTool, TOOLS } from "../rigs/find-tool.ts";

/** Python imports every AWS service's model on the first request: slow on a busy machine. */
const START_TIMEOUT_MS = 60_000;

/** A running moto_server: AWS's APIs (S3, IAM, STS and more) in memory, by somebody else. */
export interface Moto {
  /** One address for every service: `http://127.0.0.1:{port}`. Any credentials do. */
  url: string;
  /** Forgets every bucket, role and policy. */
  reset(): Promise<void>;
  /** Ends it. */
  stop(): Promise<void>;
}

/**
 * Starts the pinned moto_server on a free port of this machine. Resolves to a sentence that says what is missing or of
 * another version.
 */
export async function startMoto(): Promise<Moto | string> {
  const found = await findTool(TOOLS.moto);
  if (typeof found === "string") return found;
  const directory = await mkdtemp(join(tmpdir(), "sluice-moto-"));
  const port = await findFreePort();
  const child = spawn(found.program, ["-H", "127.0.0.1", "-p", String(port)], {
    cwd: directory,
    // Without credentials of its own moto would look for real ones.
    env: { PATH: process.env.PATH, HOME: directory, AWS_ACCESS_KEY_ID: "moto", AWS_SECRET_ACCESS_KEY: "moto" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const stop = async () => {
    process.off("exit", killWithUs);
    await end(child);
    await rm(directory, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilAnswering(url, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop, reset: () => post(`${url}/moto-api/reset`) };
}

async function post(url: string): Promise<void> {
  const answer = await fetch(url, { method: "POST", headers: { connection: "close" } });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
}

async function untilAnswering(url: string, child: ChildProcess): Promise<void> {
  let lastWords = "";
  child.stderr?.on("data", (text) => {
    lastWords = `${lastWords}${text}`.slice(-2000);
  });
  child.once("error", (error) => {
    lastWords = error.message;
  });
  for (const endsAt = performance.now() + START_TIMEOUT_MS; performance.now() < endsAt; await delay(50)) {
    const isReady = await post(`${url}/moto-api/reset`).then(
      () => true,
      () => false,
    );
    if (isReady) return;
    if (child.exitCode !== null || child.signalCode !== null) break;
  }
  throw new Error(`moto_server did not start: ${lastWords}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
