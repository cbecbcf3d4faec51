import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDevS3Server } from "../devstack/s3-server/dev-s3-server.ts";
import { objectStoreContract } from "../testing/object-store-contract.ts";
import { createS3Subject } from "../testing/s3-subject.ts";

objectStoreContract("createObjectStore on the development S3 server", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sluice-s3-contract-"));
  const endpoint = { accessKeyId: "AKIDTEST", secretAccessKey: "secret", region: "eu-central-1", bucket: "bucket" };
  const server = await startDevS3Server({ ...endpoint, directory, buckets: [endpoint.bucket] });
  return createS3Subject({ ...endpoint, url: server.url }, async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });
});
