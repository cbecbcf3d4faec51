import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { findFreePort } from "../devstack/tcp-port.ts";
import { findTool, TOOLS } from "./find-tool.ts";
import type { ObjectStoreSubject } from "./object-store-subject.ts";
import { createTestAccess, type S3Endpoint } from "./s3-subject.ts";

/** A running versitygw: an S3 server that is not ours, and so a referee. */
export interface Versitygw {
  endpoint: S3Endpoint;
  /** Ends it and removes what it stored. */
  stop(): Promise<void>;
}

/** What versitygw 1.8 does not do: https://github.com/versity/versitygw/issues/2149 */
export const VERSITYGW_UNABLE: NonNullable<ObjectStoreSubject["unable"]> = {
  "list-pages-of-versions": "versitygw 1.8 lists versions twice across pages",
  "copy-checksums": "versitygw 1.8 states the CRC32 of the whole object for a part that is copied from a range of it",
  "list-pages-of-uploads": "versitygw 1.8 refuses the upload-id-marker that it answered",
};

const START_TIMEOUT_MS = 15_000;

/**
 * Starts the pinned versitygw on a free port over a temporary directory. Resolves to a sentence that says what is missing or
 * of another version.
 */
export async function startVersitygw(): Promise<Versitygw | string> {
  const found = await findTool(TOOLS.versitygw);
  if (typeof found === "string") return found;
  const directory = await mkdtemp(join(tmpdir(), "sluice-versitygw-"));
  const folders = {
    meta: join(directory, "meta"),
    data: join(directory, "data"),
    versions: join(directory, "versions"),
  };
  for (const folder of Object.values(folders)) await mkdir(folder);
  const credentials = { accessKeyId: "versity", secretAccessKey: "versity-secret" };
  const address = `127.0.0.1:${await findFreePort()}`;
  const region = "eu-central-1";
  const child = spawn(
    found.program,
    [
      "--keep-alive",
      "--quiet",
      "--region",
      region,
      "--port",
      address,
      "posix",
      "--sidecar",
      folders.meta,
      "--versioning-dir",
      folders.versions,
      folders.data,
    ],
    {
      env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const stop = async () => {
    process.off("exit", killWithUs);
    await end(child);
    await rm(directory, { recursive: true, force: true });
  };
  const endpoint = { ...credentials, url: `http://${address}`, region, bucket: "sluice-contract" };
  try {
    await untilAnswering(endpoint.url, child);
    await createBucket(endpoint);
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

/** It answers 403 to those that do not sign. */
async function untilAnswering(url: string, child: ChildProcess): Promise<void> {
  let lastWords = "";
  child.stderr?.on("data", (text) => {
    lastWords = `${lastWords}${text}`.slice(-2000);
  });
  for (const endsAt = performance.now() + START_TIMEOUT_MS; performance.now() < endsAt; await delay(20)) {
    const status = await fetch(url, { headers: { connection: "close" } }).then(
      (answer) => answer.status,
      () => undefined,
    );
    if (status === 403) return;
    if (child.exitCode !== null) break;
  }
  throw new Error(`versitygw did not start: ${lastWords}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
