import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { startChild } from "../../src/devstack/child-process.ts";
import { startProcess } from "../machine/child-process.ts";
import { freePort } from "../machine/free-port.ts";

/** An S3 server that keeps the objects that it is given. */
export interface S3Backend {
  readonly url: string;
  /** The smallest part that the server takes, in bytes. */
  readonly partMinBytes: number;
  stop(): Promise<void>;
}

/** Bucket, region and key pair of every backend. They are throwaway values for the loopback only. */
export const KILL_BUCKET = {
  bucket: "kills",
  region: "us-east-1",
  accessKeyId: "kills",
  secretAccessKey: "kills-secret",
};

const MIB = 2 ** 20;
const READY_TIMEOUT_MS = 15_000;

/** The S3 servers to choose from: the development server, and versitygw from the PATH as an independent check. */
export const S3_BACKENDS = { dev: startDevS3, versitygw: startVersitygw } satisfies Record<
  string,
  (directory: string) => Promise<S3Backend>
>;

async function startDevS3(directory: string): Promise<S3Backend> {
  const { bucket, region, accessKeyId, secretAccessKey } = KILL_BUCKET;
  const child = startChild("the S3 server", new URL("../../src/devstack/s3-server/main.ts", import.meta.url), {
    args: [
      ...["--directory", join(directory, "s3"), "--bucket", bucket, "--region", region, "--min-part-bytes", "1"],
      ...["--access-key-id", accessKeyId],
    ],
    env: { ...process.env, DEV_S3_SECRET_ACCESS_KEY: secretAccessKey },
  });
  const { url } = JSON.parse(await child.awaitLine((line) => line.startsWith("{"))) as { url: string };
  return { url, partMinBytes: 1, stop: () => child.stop() };
}

async function startVersitygw(directory: string): Promise<S3Backend> {
  const folders = { meta: join(directory, "meta"), data: join(directory, "data") };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  const { bucket, region, ...credentials } = KILL_BUCKET;
  const address = `127.0.0.1:${await freePort()}`;
  const args = ["--keep-alive", "--quiet", "--region", region, "--port", address];
  const child = startProcess("versitygw", {
    args: [...args, "posix", "--sidecar", folders.meta, folders.data],
    env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
  });
  const url = `http://${address}`;
  for (const endsAt = performance.now() + READY_TIMEOUT_MS; !(await refusesStrangers(url)); await delay(20)) {
    if (performance.now() > endsAt) throw new Error("versitygw did not start; is it on the PATH?");
  }
  const client = new S3Client({ endpoint: url, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { url, partMinBytes: 5 * MIB, stop: () => child.stop() };
}

async function refusesStrangers(url: string): Promise<boolean> {
  return await fetch(url, { headers: { connection: "close" } }).then(
    ({ status }) => status === 403,
    () => false,
  );
}
