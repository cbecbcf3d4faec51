import { HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { toDomainError } from "./errors.ts";

/** How S3 says that an object is encrypted, "AES256" for SSE-S3; undefined when it does not. Rejects as `ObjectStore.head`. */
export async function readEncryption(
  client: S3Client,
  { bucket, key, versionId }: { bucket: string; key: string; versionId: string },
): Promise<string | undefined> {
  const command = new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId || undefined });
  const { ServerSideEncryption } = await client.send(command).catch((error: unknown) => {
    throw toDomainError(error, "reading how an object is encrypted");
  });
  return ServerSideEncryption;
}
