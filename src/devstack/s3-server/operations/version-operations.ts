import type { Answer, Exchange } from "../protocol/exchange.ts";
import { compareKeys } from "../protocol/page-keys.ts";
import { receiveText } from "../protocol/receive-text.ts";
import { S3Error } from "../protocol/s3-error.ts";
import { element, type Markup, xmlDocument } from "../protocol/xml.ts";
import type { VersionRecord } from "../storage/records.ts";
import { idOf } from "../storage/version-history.ts";
import { keyEncoder, readCount } from "./list-operations.ts";
import type { S3State } from "./state.ts";

/** PutBucketVersioning: Enabled or Suspended; MFA delete is not read. */
export async function putBucketVersioning(state: S3State, exchange: Exchange): Promise<Answer> {
  const { bucket } = exchange.target;
  state.catalog.assertBucket(bucket);
  const body = await receiveText(state, exchange);
  const status = /<Status>\s*(\w+)\s*<\/Status>/.exec(body)?.[1];
  if (status !== "Enabled" && status !== "Suspended") {
    throw new S3Error(
      "MalformedXML",
      `the <Status> of a versioning configuration is Enabled or Suspended, not ${status}`,
    );
  }
  state.catalog.setVersioning(bucket, status);
  return { status: 200 };
}

/** GetBucketVersioning: without a status while it was never set, as in S3. */
export function getBucketVersioning(state: S3State, { target }: Exchange): Answer {
  const status = state.catalog.versioningOf(target.bucket);
  return { status: 200, body: xmlDocument("VersioningConfiguration", element("Status", status)) };
}

/** ListObjectVersions: by key, then newest first; prefix and pages, no delimiter. */
export function listObjectVersions(state: S3State, { target: { bucket, query } }: Exchange): Answer {
  if (query.get("delimiter")) {
    throw new S3Error("NotImplemented", "this development server lists versions without delimiters");
  }
  const prefix = query.get("prefix") ?? "";
  const pageSize = readCount(query, "max-keys");
  const keyMarker = query.get("key-marker") ?? "";
  const idMarker = query.get("version-id-marker") ?? "";
  if (idMarker !== "" && keyMarker === "") {
    throw new S3Error("InvalidArgument", "A version-id marker cannot be specified without a key marker.");
  }
  const versions = state.catalog
    .versions(bucket)
    .filter(({ record }) => record.key.startsWith(prefix))
    .sort((a, b) => compareKeys(a.record.key, b.record.key));
  // The marked version may be gone since; its successors by key are then where to go on.
  const marked = versions.findIndex(({ record }) => record.key === keyMarker && idOf(record) === idMarker);
  const following =
    marked === -1
      ? versions.filter(({ record }) => compareKeys(record.key, keyMarker) > 0)
      : versions.slice(marked + 1);
  const page = following.slice(0, pageSize);
  const isTruncated = following.length > page.length;
  const text = keyEncoder(query);
  const last = page.at(-1)?.record;
  return {
    status: 200,
    body: xmlDocument(
      "ListVersionsResult",
      element("Name", bucket),
      element("Prefix", text(prefix)),
      element("KeyMarker", text(keyMarker)),
      element("VersionIdMarker", idMarker),
      element("NextKeyMarker", isTruncated && last !== undefined ? text(last.key) : undefined),
      element("NextVersionIdMarker", isTruncated && last !== undefined ? idOf(last) : undefined),
      element("MaxKeys", pageSize),
      element("EncodingType", query.get("encoding-type")),
      element("IsTruncated", isTruncated),
      ...page.map(({ record, isLatest }) => toElement(record, { key: text(record.key), isLatest })),
    ),
  };
}

function toElement(record: VersionRecord, { key, isLatest }: { key: string; isLatest: boolean }): Markup {
  const common = [
    element("Key", key),
    element("VersionId", idOf(record)),
    element("IsLatest", isLatest),
    element("LastModified", new Date(record.lastModified).toISOString()),
  ];
  if ("isDeleteMarker" in record) return element("DeleteMarker", ...common);
  return element(
    "Version",
    ...common,
    element("ETag", record.etag),
    element("Size", record.sizeBytes),
    element("StorageClass", "STANDARD"),
  );
}
