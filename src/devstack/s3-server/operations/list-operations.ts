import { encodeCrc32 } from "../protocol/crc32.ts";
import type { Answer, Exchange } from "../protocol/exchange.ts";
import { compareKeys, pageKeys } from "../protocol/page-keys.ts";
import { encodeUriStrictly } from "../protocol/request-target.ts";
import { S3Error } from "../protocol/s3-error.ts";
import { element, xmlDocument } from "../protocol/xml.ts";
import type { ChecksumType } from "../storage/records.ts";
import type { S3State } from "./state.ts";

const PAGE_MAX = 1000;

/** ListObjectsV2: prefix, delimiter, start-after, pages; keys in UTF-8 order. */
export function listObjectsV2(state: S3State, { target: { bucket, query } }: Exchange): Answer {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const token = query.get("continuation-token");
  const pageSize = readCount(query, "max-keys");
  const startAfter = query.get("start-after");
  const objects = new Map(Array.from(state.catalog.objects(bucket), (object) => [object.key, object]));
  const page = pageKeys(objects.keys(), {
    prefix,
    delimiter,
    after: token === undefined ? (startAfter ?? "") : decodeToken(token),
    pageSize,
  });
  const text = keyEncoder(query);
  const contents = page.entries.flatMap((entry) => {
    const object = objects.get(entry.text);
    if (entry.isPrefix || object === undefined) return [];
    return element(
      "Contents",
      element("Key", text(object.key)),
      element("LastModified", new Date(object.lastModified).toISOString()),
      element("ETag", object.etag),
      element("ChecksumAlgorithm", object.checksum && "CRC32"),
      element("ChecksumType", object.checksum?.type),
      element("Size", object.sizeBytes),
      element("StorageClass", "STANDARD"),
    );
  });
  const prefixes = page.entries
    .filter((entry) => entry.isPrefix)
    .map((entry) => element("CommonPrefixes", element("Prefix", text(entry.text))));
  const last = page.entries.at(-1)?.text;
  return {
    status: 200,
    body: xmlDocument(
      "ListBucketResult",
      element("Name", bucket),
      element("Prefix", text(prefix)),
      element("Delimiter", delimiter === "" ? undefined : text(delimiter)),
      element("StartAfter", startAfter === undefined ? undefined : text(startAfter)),
      element("ContinuationToken", token),
      element("NextContinuationToken", page.isTruncated && last !== undefined ? encodeToken(last) : undefined),
      element("KeyCount", page.entries.length),
      element("MaxKeys", pageSize),
      element("EncodingType", query.get("encoding-type")),
      element("IsTruncated", page.isTruncated),
      ...contents,
      ...prefixes,
    ),
  };
}

/** ListMultipartUploads: by key, then by when they were begun; prefix and pages, no delimiter. */
export function listMultipartUploads(state: S3State, { target: { bucket, query } }: Exchange): Answer {
  if (query.get("delimiter")) {
    throw new S3Error("NotImplemented", "this development server lists uploads without delimiters");
  }
  const prefix = query.get("prefix") ?? "";
  const pageSize = readCount(query, "max-uploads");
  const keyMarker = query.get("key-marker") ?? "";
  const idMarker = query.get("upload-id-marker") ?? "";
  const uploads = [...state.catalog.uploads(bucket)]
    .filter((upload) => upload.key.startsWith(prefix))
    .sort((a, b) => compareKeys(a.key, b.key) || a.initiated - b.initiated || compareKeys(a.uploadId, b.uploadId));
  // The marked upload may have ended since; its successors by key are then where to go on.
  const marked = uploads.findIndex((upload) => upload.key === keyMarker && upload.uploadId === idMarker);
  const following =
    marked === -1 ? uploads.filter((upload) => compareKeys(upload.key, keyMarker) > 0) : uploads.slice(marked + 1);
  const page = following.slice(0, pageSize);
  const isTruncated = following.length > page.length;
  const text = keyEncoder(query);
  const last = page.at(-1);
  return {
    status: 200,
    body: xmlDocument(
      "ListMultipartUploadsResult",
      element("Bucket", bucket),
      element("Prefix", text(prefix)),
      element("KeyMarker", text(keyMarker)),
      element("UploadIdMarker", idMarker),
      element("NextKeyMarker", isTruncated && last !== undefined ? text(last.key) : undefined),
      element("NextUploadIdMarker", isTruncated ? last?.uploadId : undefined),
      element("MaxUploads", pageSize),
      element("EncodingType", query.get("encoding-type")),
      element("IsTruncated", isTruncated),
      ...page.map((upload) =>
        element(
          "Upload",
          element("Key", text(upload.key)),
          element("UploadId", upload.uploadId),
          element("Initiated", new Date(upload.initiated).toISOString()),
          element("StorageClass", "STANDARD"),
          ...checksumElements(upload.checksumType),
        ),
      ),
    ),
  };
}

/** ListParts: in order of part numbers, with sizes, ETags and checksums. */
export function listParts(state: S3State, { target: { bucket, key, query } }: Exchange): Answer {
  const upload = state.catalog.getUpload(bucket, key, query.get("uploadId") ?? "");
  const pageSize = readCount(query, "max-parts");
  const marker = Number(query.get("part-number-marker") || 0);
  if (!Number.isInteger(marker) || marker < 0) throw invalidArgument("part-number-marker", String(marker));
  const following = [...upload.parts.values()]
    .filter((part) => part.partNumber > marker)
    .sort((a, b) => a.partNumber - b.partNumber);
  const page = following.slice(0, pageSize);
  return {
    status: 200,
    body: xmlDocument(
      "ListPartsResult",
      element("Bucket", bucket),
      element("Key", key),
      element("UploadId", upload.uploadId),
      element("PartNumberMarker", marker),
      element("NextPartNumberMarker", page.at(-1)?.partNumber ?? marker),
      element("MaxParts", pageSize),
      element("IsTruncated", following.length > page.length),
      element("StorageClass", "STANDARD"),
      ...checksumElements(upload.checksumType),
      ...page.map((part) =>
        element(
          "Part",
          element("PartNumber", part.partNumber),
          element("LastModified", new Date(part.lastModified).toISOString()),
          element("ETag", part.etag),
          element("Size", part.sizeBytes),
          element("ChecksumCRC32", part.crc32 === undefined ? undefined : encodeCrc32(part.crc32)),
        ),
      ),
    ),
  };
}

function checksumElements(type: ChecksumType | undefined) {
  return type === undefined ? [] : [element("ChecksumAlgorithm", "CRC32"), element("ChecksumType", type)];
}

/** The page size of the query: at most 1,000, and 1,000 when the query names none. */
export function readCount(query: ReadonlyMap<string, string>, name: string): number {
  const text = query.get(name) || String(PAGE_MAX);
  if (!/^\d{1,9}$/.test(text)) throw invalidArgument(name, text);
  return Math.min(Number(text), PAGE_MAX);
}

/** How keys are written into a listing: as they are, or URL-encoded where that was asked for. */
export function keyEncoder(query: ReadonlyMap<string, string>): (key: string) => string {
  const encoding = query.get("encoding-type");
  if (encoding === undefined) return (key) => key;
  if (encoding !== "url") throw invalidArgument("encoding-type", encoding);
  return (key) => key.split("/").map(encodeUriStrictly).join("/");
}

function encodeToken(after: string): string {
  return Buffer.from(after).toString("base64url");
}

function decodeToken(token: string): string {
  const after = Buffer.from(token, "base64url").toString();
  if (after === "" || encodeToken(after) !== token) throw invalidArgument("continuation-token", token);
  return after;
}

function invalidArgument(name: string, value: string): S3Error {
  return new S3Error("InvalidArgument", `Invalid value of ${name}`, { ArgumentName: name, ArgumentValue: value });
}
