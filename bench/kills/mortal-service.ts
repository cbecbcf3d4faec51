import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type StackChild, startChild } from "../../src/devstack/child-process.ts";
import { freePort } from "../machine/free-port.ts";
import type { KillTarget } from "./kill-plan.ts";
import { KILL_TOKEN, type KillRig } from "./kill-rig.ts";
import { type S3Relay, startS3Relay } from "./s3-relay.ts";

/** How long the service may take until it is ready, in milliseconds: on a busy machine its start alone takes half a minute. */
const READY_TIMEOUT_MS = 120_000;
const READY_POLL_MS = 10;

/** A service that is killed and started again on the same port, and the relay by which it reaches S3. */
export interface MortalService {
  readonly url: string;
  readonly relay: S3Relay;
  /**
   * Kills all of the service's processes, or one worker, with SIGKILL. Resolves when they are gone. The signals are sent
   * before this returns.
   */
  kill(target: KillTarget): Promise<void>;
  /** Starts the service again if its primary is gone. Resolves when the service is ready with all its workers. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a service as a process of its own on a free port, and waits until it is ready. */
export async function startMortalService(rig: KillRig, workers: number): Promise<MortalService> {
  const relay = await startS3Relay(rig.s3Url);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: StackChild | undefined;
  const env = { ...rig.toEnvironment(port, relay.url), SLUICE_WORKERS: String(workers) };
  const start = () => {
    const entry = new URL("../../src/cli/main.ts", import.meta.url);
    const started = startChild("the service", entry, { args: ["serve"], env });
    child = started;
    void started.ended.then(() => {
      if (child === started) child = undefined;
    });
    return started;
  };
  const restart = async () => {
    const running = child ?? start();
    const isWhole = () => workers === 1 || listChildren(running.pid).length === workers;
    await untilReady(url, running, isWhole);
  };
  const kill = async ({ kind, pick }: KillTarget) => {
    const primary = child;
    if (primary === undefined) return;
    const children = workers === 1 ? [] : listChildren(primary.pid);
    const worker = kind === "worker" ? children[Math.floor(pick * children.length)] : undefined;
    if (worker !== undefined) {
      process.kill(worker, "SIGKILL");
      while (listChildren(primary.pid).includes(worker)) await delay(READY_POLL_MS);
      return;
    }
    const dead = primary.kill();
    for (const one of children) process.kill(one, "SIGKILL");
    await dead;
    child = undefined;
  };
  const stop = async () => {
    await child?.stop();
    await relay.close();
  };
  try {
    await restart();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, relay, restart, stop, kill };
}

/** Process ids of the children, read from /proc: this needs Linux, as the whole benchmark does. */
function listChildren(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  const text = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  return text === "" ? [] : text.split(" ").map(Number);
}

/** Resolves once the service at the URL is ready; rejects when its process ends before, or after two minutes. */
export async function untilReady(url: string, child: StackChild, isWhole: () => boolean): Promise<void> {
  let end: string | undefined;
  void child.ended.then((sentence) => {
    end = sentence;
  });
  let obstacle: string | undefined;
  for (const endsAt = performance.now() + READY_TIMEOUT_MS; ; await delay(READY_POLL_MS)) {
    if (isWhole()) {
      obstacle = await findObstacle(url);
      if (obstacle === undefined) return;
    }
    if (end !== undefined) throw new Error(end);
    if (performance.now() > endsAt)
      throw new Error(`the service was not ready within ${READY_TIMEOUT_MS / 1000} s: ${obstacle}`);
  }
}

/** Undefined when the service is ready, else what it answers. */
async function findObstacle(url: string): Promise<string | undefined> {
  const headers = { connection: "close", authorization: `Bearer ${KILL_TOKEN}` };
  return await fetch(`${url}/readyz`, { headers }).then(
    async (answer) => {
      const said = await answer.text();
      return answer.ok ? undefined : said;
    },
    (error: Error) => error.message,
  );
}
