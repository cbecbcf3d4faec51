import type { RequestTarget } from "./request-target.ts";
import { S3Error } from "./s3-error.ts";

/** The S3 operations this server speaks, by their names in the S3 API reference. */
export const OPERATIONS = [
  "AbortMultipartUpload",
  "CompleteMultipartUpload",
  "CopyObject",
  "CreateBucket",
  "CreateMultipartUpload",
  "DeleteBucket",
  "DeleteObject",
  "DeleteObjects",
  "GetBucketLocation",
  "GetBucketVersioning",
  "GetObject",
  "GetObjectLegalHold",
  "HeadBucket",
  "HeadObject",
  "ListBuckets",
  "ListMultipartUploads",
  "ListObjectVersions",
  "ListObjectsV2",
  "ListParts",
  "PutBucketVersioning",
  "PutObject",
  "PutObjectLegalHold",
  "UploadPart",
  "UploadPartCopy",
] as const;

/** One of them. */
export type Operation = (typeof OPERATIONS)[number];

/**
 * Names of query parameters that change what a request means and are not served here. Ignoring one would be worse
 * than refusing it: `PUT /bucket/key?tagging` is not an upload.
 */
const UNSERVED = new Set(
  `accelerate acl analytics append attributes cors encryption intelligent-tiering inventory lifecycle
  logging metadataTable metrics notification object-lock ownershipControls policy policyStatus publicAccessBlock
  renameObject replication requestPayment restore retention select session tagging torrent website`.split(/\s+/),
);

/**
 * Names the operation of a request by method, target and the copy header.
 * @throws S3Error `NotImplemented` for what S3 has and this server has not, `MethodNotAllowed` for what neither has.
 */
export function operationOf(method: string, target: RequestTarget, isCopy: boolean): Operation {
  for (const name of target.query.keys()) {
    if (UNSERVED.has(name)) throw new S3Error("NotImplemented", `this development server does not serve ?${name}`);
  }
  const operation =
    target.bucket === ""
      ? serviceOperation(method)
      : target.key === ""
        ? bucketOperation(method, target.query)
        : objectOperation(method, target.query, isCopy);
  if (operation === undefined) {
    throw new S3Error("MethodNotAllowed", "The specified method is not allowed against this resource.", {
      Method: method,
    });
  }
  return operation;
}

function serviceOperation(method: string): Operation | undefined {
  return method === "GET" ? "ListBuckets" : undefined;
}

function bucketOperation(method: string, query: ReadonlyMap<string, string>): Operation | undefined {
  switch (method) {
    case "GET":
      if (query.has("location")) return "GetBucketLocation";
      if (query.has("uploads")) return "ListMultipartUploads";
      if (query.has("versioning")) return "GetBucketVersioning";
      if (query.has("versions")) return "ListObjectVersions";
      if (query.get("list-type") === "2") return "ListObjectsV2";
      throw new S3Error("NotImplemented", "this development server lists with list-type=2 only");
    case "HEAD":
      return "HeadBucket";
    case "PUT":
      return query.has("versioning") ? "PutBucketVersioning" : "CreateBucket";
    case "DELETE":
      return "DeleteBucket";
    case "POST":
      return query.has("delete") ? "DeleteObjects" : undefined;
    default:
      return undefined;
  }
}

function objectOperation(method: string, query: ReadonlyMap<string, string>, isCopy: boolean): Operation | undefined {
  const hasUploadId = query.has("uploadId");
  switch (method) {
    case "GET":
    case "HEAD":
      if (query.has("legal-hold")) return method === "GET" ? "GetObjectLegalHold" : undefined;
      if (hasUploadId && method === "GET") return "ListParts";
      if (query.has("partNumber")) {
        throw new S3Error("NotImplemented", "this development server reads objects by Range, not by part number");
      }
      return method === "GET" ? "GetObject" : "HeadObject";
    case "PUT":
      if (query.has("legal-hold")) return "PutObjectLegalHold";
      if (hasUploadId) return isCopy ? "UploadPartCopy" : "UploadPart";
      return isCopy ? "CopyObject" : "PutObject";
    case "DELETE":
      return hasUploadId ? "AbortMultipartUpload" : "DeleteObject";
    case "POST":
      if (query.has("uploads")) return "CreateMultipartUpload";
      return hasUploadId ? "CompleteMultipartUpload" : undefined;
    default:
      return undefined;
  }
}
