import type { Answer, Exchange } from "../protocol/exchange.ts";
import { BUCKET_REGION_HEADER } from "../protocol/sigv4.ts";
import { element, xmlDocument } from "../protocol/xml.ts";
import type { S3State } from "./state.ts";

/** ListBuckets, all in one page. */
export function listBuckets(state: S3State): Answer {
  const buckets = state.catalog
    .listBuckets()
    .map(({ name, createdAt }) =>
      element("Bucket", element("Name", name), element("CreationDate", new Date(createdAt).toISOString())),
    );
  return { status: 200, body: xmlDocument("ListAllMyBucketsResult", element("Buckets", ...buckets)) };
}

/**
 * CreateBucket in the region that the request was signed for; S3 refuses a location constraint that names another. A bucket with
 * Object Lock keeps versions from the start, as in S3.
 */
export function createBucket(state: S3State, { target, region, headers }: Exchange): Answer {
  const hasObjectLock = headers.get("x-amz-bucket-object-lock-enabled")?.toLowerCase() === "true";
  state.catalog.createBucket(target.bucket, { region, hasObjectLock, createdAt: state.now() });
  return { status: 200, headers: { location: `/${target.bucket}` } };
}

/** HeadBucket: says the region. */
export function headBucket(state: S3State, { target }: Exchange): Answer {
  return { status: 200, headers: { [BUCKET_REGION_HEADER]: state.catalog.requireRegion(target.bucket) } };
}

/** DeleteBucket, when it is empty. */
export function deleteBucket(state: S3State, { target }: Exchange): Answer {
  state.catalog.deleteBucket(target.bucket);
  return { status: 204 };
}

/** GetBucketLocation: empty in us-east-1, as in S3. */
export function getBucketLocation(state: S3State, { target }: Exchange): Answer {
  const region = state.catalog.requireRegion(target.bucket);
  return { status: 200, body: xmlDocument("LocationConstraint", { xml: region === "us-east-1" ? "" : region }) };
}
