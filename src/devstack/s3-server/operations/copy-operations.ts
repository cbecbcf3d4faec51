import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { encodeCrc32 } from "../protocol/crc32.ts";
import type { Answer, Exchange } from "../protocol/exchange.ts";
import { judgeReadConditions, readWriteConditions } from "../protocol/preconditions.ts";
import { S3Error } from "../protocol/s3-error.ts";
import { element, xmlDocument } from "../protocol/xml.ts";
import type { Segment } from "../storage/blobs.ts";
import type { ObjectRecord, PartRecord } from "../storage/records.ts";
import { ENCRYPTION_HEADERS, readDescription, versionHeaders } from "./description.ts";
import { readPartNumber } from "./multipart-operations.ts";
import { findVersion } from "./object-operations.ts";
import type { S3State } from "./state.ts";

const COPY_MAX_BYTES = 5 * 1024 ** 3;

/** CopyObject. Blobs are immutable and counted, so the copy shares its bytes with the source. */
export function copyObject(state: S3State, { target, headers }: Exchange): Answer {
  const source = readSource(state, headers);
  if (source.sizeBytes > COPY_MAX_BYTES) {
    throw new S3Error(
      "InvalidRequest",
      "The specified copy source is larger than the maximum allowable size: 5368709120",
    );
  }
  const replaces = headers.get("x-amz-metadata-directive") === "REPLACE";
  const isItself = state.catalog.findObject(target.bucket, target.key) === source;
  if (isItself && !replaces) {
    throw new S3Error(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself.",
    );
  }
  const asked = readDescription(headers);
  const { completed: _, versionId: __, ...content } = source;
  const object: ObjectRecord = {
    ...content,
    key: target.key,
    lastModified: state.now(),
    description: replaces ? asked : source.description,
  };
  state.blobs.retain(object.segments);
  let stored: ObjectRecord;
  try {
    stored = state.catalog.putObject(target.bucket, object, readWriteConditions(headers));
  } catch (error) {
    state.blobs.release(object.segments);
    throw error;
  }
  return {
    status: 200,
    headers: { ...ENCRYPTION_HEADERS, ...versionHeaders(stored) },
    body: xmlDocument(
      "CopyObjectResult",
      element("LastModified", new Date(object.lastModified).toISOString()),
      element("ETag", object.etag),
      element("ChecksumCRC32", object.checksum?.value),
      element("ChecksumType", object.checksum?.type),
    ),
  };
}

/**
 * UploadPartCopy, with an optional `x-amz-copy-source-range`; the part shares its bytes with the source. They are read for
 * the part's own ETag and checksum, which S3 gives where the upload was created with one.
 */
export async function uploadPartCopy(state: S3State, { target, headers }: Exchange): Promise<Answer> {
  const upload = state.catalog.getUpload(target.bucket, target.key, target.query.get("uploadId") ?? "");
  const partNumber = readPartNumber(target.query);
  const source = readSource(state, headers);
  const { offset, length } = readSourceRange(headers.get("x-amz-copy-source-range"), source.sizeBytes);
  const segments = sliceSegments(source.segments, offset, length);
  state.blobs.retain(segments);
  let part: PartRecord;
  try {
    const { etag, crc32 } = await digest(state.blobs.read(segments, 0, length));
    part = {
      partNumber,
      sizeBytes: length,
      etag,
      lastModified: state.now(),
      segments,
      ...(upload.checksumType !== undefined && { crc32 }),
    };
    state.catalog.putPart(target.bucket, upload, part);
  } catch (error) {
    state.blobs.release(segments);
    throw error;
  }
  return {
    status: 200,
    headers: ENCRYPTION_HEADERS,
    body: xmlDocument(
      "CopyPartResult",
      element("LastModified", new Date(part.lastModified).toISOString()),
      element("ETag", part.etag),
      element("ChecksumCRC32", part.crc32 === undefined ? undefined : encodeCrc32(part.crc32)),
    ),
  };
}

function readSource(state: S3State, headers: ReadonlyMap<string, string>): ObjectRecord {
  const [path = "", versionQuery] = (headers.get("x-amz-copy-source") ?? "").split("?", 2);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path).replace(/^\//, "");
  } catch {
    throw new S3Error("InvalidArgument", "The x-amz-copy-source header is not URL-encoded UTF-8");
  }
  const slash = decoded.indexOf("/");
  if (slash < 1 || slash === decoded.length - 1) {
    throw new S3Error("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
  }
  const source = findVersion(state, {
    bucket: decoded.slice(0, slash),
    key: decoded.slice(slash + 1),
    query: new Map(new URLSearchParams(versionQuery)),
  });
  if (judgeReadConditions(headers, source, "x-amz-copy-source-") === "not-modified") {
    throw new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
  }
  return source;
}

async function digest(chunks: AsyncIterable<Buffer>): Promise<{ etag: string; crc32: number }> {
  const md5 = createHash("md5");
  let sum = 0;
  for await (const chunk of chunks) {
    md5.update(chunk);
    sum = crc32(chunk, sum);
  }
  return { etag: `"${md5.digest("hex")}"`, crc32: sum };
}

function readSourceRange(header: string | undefined, sizeBytes: number): { offset: number; length: number } {
  if (header === undefined) return { offset: 0, length: sizeBytes };
  const [, first, last] = (/^bytes=(\d+)-(\d+)$/.exec(header) ?? []).map(Number);
  if (first === undefined || last === undefined || last < first || last >= sizeBytes) {
    throw new S3Error("InvalidArgument", `Range specified is not valid for source object of size: ${sizeBytes}`);
  }
  return { offset: first, length: last - first + 1 };
}

function sliceSegments(segments: readonly Segment[], offset: number, length: number): Segment[] {
  const slices: Segment[] = [];
  let start = 0;
  for (const segment of segments) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + length, start + segment.sizeBytes);
    if (from < to) {
      const { blobId, offsetBytes } = segment;
      slices.push({ blobId, offsetBytes: offsetBytes + from - start, sizeBytes: to - from });
    }
    start += segment.sizeBytes;
  }
  return slices;
}
