import { combineCrc32, compositeCrc32, encodeCrc32 } from "../protocol/crc32.ts";
import { S3Error } from "../protocol/s3-error.ts";
import type { OpenUpload } from "../storage/bucket.ts";
import type { ChecksumType, ObjectRecord, PartRecord } from "../storage/records.ts";
import { multipartEtag } from "./receive-blob.ts";

/** The demands and assertions of a CompleteMultipartUpload. */
export interface CompletionRequest {
  /** In the order stated, never empty; ETags quoted. */
  readonly parts: readonly { partNumber: number; etag: string; crc32: number | undefined }[];
  /** A hash of part numbers and ETags, to recognise a repeated call. */
  readonly manifest: string;
  /** From `x-amz-checksum-crc32`, in its wire form. */
  readonly checksum: string | undefined;
  readonly checksumType: string | undefined;
  /** From `x-amz-mp-object-size`. */
  readonly sizeBytes: number | undefined;
}

/**
 * Judges a completion by S3's rules and makes the object's record; nothing is changed.
 * Source: "CompleteMultipartUpload" and "Checking object integrity" in the S3 documentation.
 * @throws S3Error `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`, `InvalidRequest` or `BadDigest`.
 */
export function assembleObject(
  upload: OpenUpload,
  request: CompletionRequest,
  limits: { multipartMinPartBytes: number; now: number },
): ObjectRecord {
  const parts = pickParts(upload, request);
  assertPartSizes(parts, limits.multipartMinPartBytes);
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  if (request.sizeBytes !== undefined && request.sizeBytes !== sizeBytes) {
    throw new S3Error(
      "InvalidRequest",
      `The provided 'x-amz-mp-object-size' header value ${request.sizeBytes} does not match what was computed: ${sizeBytes}`,
    );
  }
  const checksum = assembleChecksum(upload.checksumType, parts, request);
  return {
    key: upload.key,
    sizeBytes,
    etag: multipartEtag(parts.map((part) => part.etag)),
    lastModified: limits.now,
    description: upload.description,
    segments: parts.flatMap((part) => part.segments),
    completed: { uploadId: upload.uploadId, manifest: request.manifest },
    ...(checksum !== undefined && { checksum }),
  };
}

function pickParts(upload: OpenUpload, request: CompletionRequest): PartRecord[] {
  let previous = 0;
  return request.parts.map(({ partNumber, etag, crc32 }) => {
    if (partNumber <= previous) {
      throw new S3Error(
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
        { UploadId: upload.uploadId },
      );
    }
    previous = partNumber;
    const part = upload.parts.get(partNumber);
    if (part === undefined || part.etag !== etag || (crc32 !== undefined && crc32 !== part.crc32)) {
      throw new S3Error(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified " +
          "entity tag may not match the part's entity tag.",
        { UploadId: upload.uploadId, PartNumber: String(partNumber), ETag: etag },
      );
    }
    return part;
  });
}

function assertPartSizes(parts: readonly PartRecord[], minBytes: number): void {
  const small = parts.slice(0, -1).find((part) => part.sizeBytes < minBytes);
  if (small === undefined) return;
  throw new S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", {
    ProposedSize: String(small.sizeBytes),
    MinSizeAllowed: String(minBytes),
    PartNumber: String(small.partNumber),
    ETag: small.etag,
  });
}

function assembleChecksum(
  type: ChecksumType | undefined,
  parts: readonly PartRecord[],
  request: CompletionRequest,
): ObjectRecord["checksum"] {
  if (request.checksumType !== undefined && request.checksumType !== type) {
    throw new S3Error(
      "InvalidRequest",
      `The upload was created using the ${type ?? "null"} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  const values = parts.map((part) => part.crc32).filter((value) => value !== undefined);
  if (type === undefined || values.length < parts.length) {
    if (request.checksum === undefined) return undefined;
    throw new S3Error("InvalidRequest", "x-amz-checksum-crc32 needs an upload that was created with CRC32");
  }
  const value = type === "COMPOSITE" ? compositeCrc32(values) : encodeCrc32(combineParts(parts));
  if (request.checksum !== undefined && request.checksum !== value) {
    throw new S3Error("BadDigest", "The CRC32 you specified did not match the calculated checksum.");
  }
  return { value, type };
}

function combineParts(parts: readonly PartRecord[]): number {
  return parts.reduce((crc, part) => combineCrc32(crc, part.crc32 ?? 0, part.sizeBytes), 0);
}
