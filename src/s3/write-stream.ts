import type { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { request, type S3Access, toAskedAlgorithm } from "./access.ts";

/** Parts of 8 MiB let an object have 78 GiB. So many are under way and one fills meanwhile: 24 MiB of memory an object. */
const PART_SIZE_BYTES = 8 * 2 ** 20;
const PARTS_IN_FLIGHT_MAX = 2;

/** Implements ObjectStore.writeStream, by parts that are kept until storage has them. */
export async function writeStream(
  access: S3Access,
  target: { bucket: string; key: string; contentType: string },
  bytes: Readable,
): Promise<{ sizeBytes: number }> {
  let sizeBytes = 0;
  const upload = new Upload({
    // Uploads of one object wait for each other's bytes: all of them have to hear that one has failed.
    client: withRetries(access, (error) => bytes.destroy(error)),
    params: {
      Bucket: target.bucket,
      Key: target.key,
      Body: bytes,
      ContentType: target.contentType,
      ServerSideEncryption: toAskedAlgorithm(access),
    },
    partSize: PART_SIZE_BYTES,
    queueSize: PARTS_IN_FLIGHT_MAX,
  });
  upload.on("httpUploadProgress", ({ loaded = 0 }) => {
    sizeBytes = Math.max(sizeBytes, loaded);
  });
  await upload.done();
  return { sizeBytes };
}

/** The client, whose requests take slots and are tried again as all others. */
function withRetries(access: S3Access, onFailure: (error: Error) => void): S3Client {
  const { client } = access;
  const send = async (command: Parameters<S3Client["send"]>[0]) => {
    try {
      const once = () => client.send(command);
      return await request(access, { operation: "copy", what: "writing the object", send: once });
    } catch (error) {
      onFailure(error as Error);
      throw error;
    }
  };
  return Object.create(client, { send: { value: send } });
}
