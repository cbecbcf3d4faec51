import type { Answer, Exchange, S3State } from "./exchange.ts";
import { element, xmlDocument } from "./xml.ts";

/** ListBuckets, all in one page. */
export function listBuckets(state: S3State): Answer {
  const buckets = state.catalog
    .listBuckets()
    .map(({ name, createdAt }) =>
      element("Bucket", element("Name", name), element("CreationDate", new Date(createdAt).toISOString())),
    );
  return { status: 200, body: xmlDocument("ListAllMyBucketsResult", element("Buckets", ...buckets)) };
}

/** CreateBucket; a location constraint in the body is not read, there is one region. */
export function createBucket(state: S3State, { target }: Exchange): Answer {
  state.catalog.createBucket(target.bucket, state.now());
  return { status: 200, headers: { location: `/${target.bucket}` } };
}

/** HeadBucket: says the region. */
export function headBucket(state: S3State, { target }: Exchange): Answer {
  state.catalog.assertBucket(target.bucket);
  return { status: 200, headers: { "x-amz-bucket-region": state.region } };
}

/** DeleteBucket, when it is empty. */
export function deleteBucket(state: S3State, { target }: Exchange): Answer {
  state.catalog.deleteBucket(target.bucket);
  return { status: 204 };
}

/** GetBucketLocation: empty in us-east-1, as in S3. */
export function getBucketLocation(state: S3State, { target }: Exchange): Answer {
  state.catalog.assertBucket(target.bucket);
  const region = state.region === "us-east-1" ? "" : state.region;
  return { status: 200, body: xmlDocument("LocationConstraint", { xml: region }) };
}
