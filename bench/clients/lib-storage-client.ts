import { Agent } from "node:https";
import { Readable } from "node:stream";
import { S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { createPayload, sliceContent } from "../stage/payload.ts";
import { sinkBucket, sinkClientOptions } from "../stage/sink-client.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";

// This client needs no service: the program that has the file uploads it by itself, with lib-storage's defaults.
const { url, ca, chunkBytes } = parseClientArguments();
const payload = createPayload();
const httpsAgent = new Agent({ keepAlive: true, ca, minVersion: "TLSv1.3" });
const client = new S3Client({
  ...sinkClientOptions(url),
  ...(url.startsWith("https:") && { requestHandler: { httpsAgent } }),
});
let uploads = 0;

serveUploads(async (sizeBytes) => {
  const body = Readable.from(sliceContent(payload, sizeBytes, chunkBytes), { objectMode: false });
  const params = { Bucket: sinkBucket, Key: `lib-storage-${uploads++}`, Body: body };
  await new Upload({ client, params }).done();
});
