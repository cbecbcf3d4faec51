import {
  CopyObjectCommand,
  type CopyObjectCommandOutput,
  UploadPartCopyCommand,
  type UploadPartCopyCommandOutput,
} from "@aws-sdk/client-s3";
import { DomainError } from "../../domain/errors.ts";
import type { BodyAck, CopySource, PartTarget, PutTarget } from "../../domain/object-store.ts";
import { request, type S3Access, toAskedAlgorithm } from "../access.ts";
import { storageUnable } from "../errors.ts";
import { headObject, unquote } from "../head-object.ts";
import { fromBase64Crc32 } from "../requests/streamed-body.ts";
import { findStored } from "../stored-checksum.ts";

/** Implements ObjectStore.copyObject. Each try has a key of its own: a try whose answer was lost may have left an object. */
export async function copyObject(
  access: S3Access,
  source: CopySource,
  options: { target: PutTarget; sizeBytes: number; crc32: number },
): Promise<BodyAck> {
  const { target, sizeBytes, crc32 } = options;
  const { bucket, contentType } = target;
  const { key, answer } = await request(access, {
    operation: "copy",
    what: "copying the file",
    send: async () => {
      const key = await target.beginAttempt();
      const command = new CopyObjectCommand({
        Bucket: bucket,
        Key: key,
        CopySource: toCopySource(source),
        MetadataDirective: "REPLACE",
        // Tags are statements of services about an object, such as that it was scanned: a copy has to earn its own.
        TaggingDirective: "REPLACE",
        ContentType: contentType,
        ChecksumAlgorithm: "CRC32",
        ServerSideEncryption: toAskedAlgorithm(access),
      });
      return { key, answer: await access.client.send(command) };
    },
  });
  const { CopyObjectResult: result, VersionId: versionId = "" }: CopyObjectCommandOutput = answer;
  // CopyObject's answer does not state the size, and on some servers not the checksum either.
  const stated = fromBase64Crc32(result?.ChecksumCRC32);
  const object = { bucket, key, versionId };
  const head = await (stated === undefined ? findStored(access, object, { sizeBytes }) : headObject(access, object));
  if (head?.sizeBytes === sizeBytes && (stated ?? head.crc32) === crc32) {
    return { key, etag: head.etag, versionId: versionId || head.versionId };
  }
  throw new DomainError("aborted", "copying the file: storage made other bytes of it; copy it again", {
    reason: "CHECKSUM_MISMATCH",
    details: { size_bytes: head?.sizeBytes ?? 0, expected_size_bytes: sizeBytes },
  });
}

/** Implements ObjectStore.copyPart. */
export async function copyPart(
  access: S3Access,
  source: CopySource,
  options: { target: PartTarget; range: { offset: number; sizeBytes: number } },
): Promise<{ etag: string; crc32: number }> {
  const { target, range } = options;
  const command = new UploadPartCopyCommand({
    Bucket: target.bucket,
    Key: target.key,
    UploadId: target.multipartId,
    PartNumber: target.partNumber,
    CopySource: toCopySource(source),
    CopySourceRange: `bytes=${range.offset}-${range.offset + range.sizeBytes - 1}`,
  });
  const what = `copying part ${target.partNumber}`;
  const send = () => access.client.send(command);
  const { CopyPartResult: part }: UploadPartCopyCommandOutput = await request(access, {
    operation: "copy",
    what,
    send,
  });
  const crc32 = fromBase64Crc32(part?.ChecksumCRC32);
  if (part?.ETag !== undefined && crc32 !== undefined) return { etag: unquote(part.ETag), crc32 };
  throw storageUnable(
    `${what}: storage states no CRC32 of it, so that nothing proves the copy; send the bytes instead`,
  );
}

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html: the key is percent-encoded, and the version follows it.
 */
function toCopySource({ bucket, key, versionId }: CopySource): string {
  const path = [bucket, ...key.split("/")].map(encodeURIComponent).join("/");
  return versionId === "" ? path : `${path}?versionId=${encodeURIComponent(versionId)}`;
}
