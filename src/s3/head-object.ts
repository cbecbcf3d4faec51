import { HeadObjectCommand } from "@aws-sdk/client-s3";
import type { ObjectHead } from "../domain/object-store.ts";
import { retryS3, type S3Access, sendOnce } from "./access.ts";
import { toDomainError, toS3Failure } from "./errors.ts";
import { fromBase64Crc32 } from "./requests/streamed-body.ts";

/** HEAD with checksums; undefined when there is no such object. */
export async function headObject(
  access: S3Access,
  target: { bucket: string; key: string; versionId?: string; signal?: AbortSignal | undefined },
): Promise<ObjectHead | undefined> {
  const command = new HeadObjectCommand({
    Bucket: target.bucket,
    Key: target.key,
    VersionId: target.versionId || undefined,
    ChecksumMode: "ENABLED",
  });
  try {
    const { signal } = target;
    const send = () => access.client.send(command);
    const head = await retryS3(access, () => sendOnce(access, "control", send, { signal }), { signal });
    return {
      sizeBytes: head.ContentLength ?? 0,
      etag: unquote(head.ETag ?? ""),
      versionId: head.VersionId ?? "",
      crc32: fromBase64Crc32(head.ChecksumCRC32),
    };
  } catch (error) {
    if (toS3Failure(error) === "not-found") return undefined;
    throw toDomainError(error, "looking at the object");
  }
}

/** An ETag without its quotes. */
export function unquote(etag: string): string {
  return etag.replace(/^"(.*)"$/, "$1");
}
