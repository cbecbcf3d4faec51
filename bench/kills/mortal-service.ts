import { setTimeout as delay } from "node:timers/promises";
import { type StackChild, startChild } from "../../src/devstack/child-process.ts";
import { freePort } from "../free-port.ts";
import type { KillRig } from "./kill-rig.ts";
import { type S3Relay, startS3Relay } from "./s3-relay.ts";

/** How long the service may take until it is ready, in milliseconds. */
const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 10;

/** A service that is killed and started again on the same port, and the relay by which it reaches S3. */
export interface MortalService {
  readonly url: string;
  readonly relay: S3Relay;
  /** kill -9; resolves when it is gone. The signal is sent before this returns. */
  kill(): Promise<void>;
  /** Starts it again; resolves when it is ready. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a service as a process of its own on a free port, and waits until it is ready. */
export async function startMortalService(rig: KillRig): Promise<MortalService> {
  const relay = await startS3Relay(rig.s3Url);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: StackChild | undefined;
  const restart = async () => {
    const entry = new URL("../../src/cli/main.ts", import.meta.url);
    child = startChild("the service", entry, { args: ["serve"], env: rig.toEnvironment(port, relay.url) });
    await untilReady(url, child);
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
  return { url, relay, restart, stop, kill: () => child!.kill() };
}

async function untilReady(url: string, child: StackChild): Promise<void> {
  let end: string | undefined;
  void child.ended.then((sentence) => {
    end = sentence;
  });
  for (const endsAt = performance.now() + READY_TIMEOUT_MS; !(await isReady(url)); await delay(READY_POLL_MS)) {
    if (end !== undefined) throw new Error(end);
    if (performance.now() > endsAt) throw new Error(`the service was not ready within ${READY_TIMEOUT_MS / 1000} s`);
  }
}

async function isReady(url: string): Promise<boolean> {
  return await fetch(`${url}/readyz`, { headers: { connection: "close" } }).then(
    async (answer) => {
      await answer.arrayBuffer();
      return answer.ok;
    },
    () => false,
  );
}
