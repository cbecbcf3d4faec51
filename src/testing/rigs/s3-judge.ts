import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { findTool, type Tool } from "./find-tool.ts";
import { createTestAccess, type S3Endpoint } from "./s3-subject.ts";

/** An S3 server that is not ours, and so a judge of what we take S3 to be: how to find and start it. */
export interface S3JudgeRecipe {
  tool: Tool;
  /** Its command line, for a port of 127.0.0.1 and an empty folder. */
  args: (at: { port: number; directory: string; credentials: Credentials }) => Promise<string[]>;
  env?: (credentials: Credentials) => Record<string, string>;
}

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** A running one. */
export interface S3Judge {
  /** Its bucket exists. */
  endpoint: S3Endpoint;
  /** Ends it and removes what it stored. */
  stop(): Promise<void>;
}

const CREDENTIALS: Credentials = { accessKeyId: "judge-access-key", secretAccessKey: "judge-secret-key" };
/** SeaweedFS is four servers that wait for one another. */
const START_TIMEOUT_MS = 60_000;

/**
 * Starts an S3 server of others' on a free port over a temporary directory. Resolves to a sentence that says what is missing,
 * or of another version than the one that its exceptions are of.
 */
export async function startS3Judge(recipe: S3JudgeRecipe): Promise<S3Judge | string> {
  const { name } = recipe.tool;
  const found = await findTool(recipe.tool);
  if (typeof found === "string") return found;
  const directory = await mkdtemp(join(tmpdir(), `sluice-${name}-`));
  const port = await findFreePort();
  const child = spawn(found.program, await recipe.args({ port, directory, credentials: CREDENTIALS }), {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory, ...recipe.env?.(CREDENTIALS) },
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
  const endpoint = { ...CREDENTIALS, url, region: "eu-central-1", bucket: "sluice-contract" };
  try {
    await untilBucket(endpoint, { name, child });
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
}

/** Creates the endpoint's bucket. */
export async function createBucket(endpoint: S3Endpoint): Promise<void> {
  const { client, close } = createTestAccess(endpoint);
  try {
    await client.send(new CreateBucketCommand({ Bucket: endpoint.bucket }));
  } finally {
    close();
  }
}

/** The server is there when it has made a bucket: some answer long before they can. */
async function untilBucket(
  endpoint: S3Endpoint,
  { name, child }: { name: string; child: ChildProcess },
): Promise<void> {
  let lastWords = "";
  child.stderr?.on("data", (text) => {
    lastWords = `${lastWords}${text}`.slice(-2000);
  });
  let failure: unknown;
  for (const endsAt = performance.now() + START_TIMEOUT_MS; performance.now() < endsAt; await delay(50)) {
    try {
      return await createBucket(endpoint);
    } catch (error) {
      failure = error;
    }
    if (child.exitCode !== null) break;
  }
  throw new Error(`${name} did not start: ${lastWords}`, { cause: failure });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
