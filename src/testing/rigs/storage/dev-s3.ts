import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DevS3Server,
  type DevS3ServerOptions,
  startDevS3Server,
} from "../../../devstack/s3-server/dev-s3-server.ts";
import type { S3Endpoint } from "./s3-subject.ts";

/** A development S3 server in this process, over a temporary directory. */
export interface DevS3 {
  server: DevS3Server;
  endpoint: S3Endpoint;
  /** Ends it and removes what it stored. */
  stop(): Promise<void>;
}

/** Starts one with the bucket `bucket`. */
export async function startDevS3(options: Partial<DevS3ServerOptions> = {}): Promise<DevS3> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-dev-s3-"));
  const known = { accessKeyId: "AKIDTEST", secretAccessKey: "secret/with+odd=characters", region: "eu-central-1" };
  const server = await startDevS3Server({ ...known, directory, buckets: ["bucket"], ...options });
  const stop = async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { server, endpoint: { ...known, url: server.url, bucket: "bucket" }, stop };
}
