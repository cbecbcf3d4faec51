import { GetBucketLocationCommand, HeadBucketCommand } from "@aws-sdk/client-s3";
import { DomainError } from "../../domain/errors.ts";
import { request, type S3Access } from "../access.ts";
import { toDomainError, toS3Answer } from "../errors.ts";

/** Statuses by which S3 says that a bucket lies elsewhere: redirected, or signed for another region. */
const ELSEWHERE: ReadonlySet<number> = new Set([301, 400]);
/** Statuses by which a server says that it does not have GetBucketLocation, or does not allow it. */
const NO_LOCATION: ReadonlySet<number> = new Set([403, 405, 501]);

/** Implements ObjectStore.checkBucket: by one request. It is not tried again, and no open breaker keeps it from finding out. */
export async function checkBucket(
  access: S3Access,
  bucket: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<void> {
  const ask = () => headBucket(access, bucket, signal);
  await access.slots.probe.run("", ask, { signal }).catch((error: unknown) => {
    if (signal?.aborted === true) throw signal.reason;
    throw toBucketProblem(toDomainError(error, toWhat(bucket)), bucket);
  });
}

/** Implements ObjectStore.readBucketRegion. */
export async function readBucketRegion(access: S3Access, bucket: string): Promise<string | undefined> {
  const send = async () => (await headBucket(access, bucket)) ?? (await readLocation(access, bucket));
  return await request(access, { operation: "probe", what: toWhat(bucket), send }).catch((error: unknown) => {
    throw toBucketProblem(error, bucket);
  });
}

/**
 * The region that HeadBucket states; undefined where it states none. S3 states it with refusals too
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html), so that it is learned although the request was signed
 * for another region. Other servers name it in the document of such a refusal, which the answer to HEAD does not have.
 */
async function headBucket({ client }: S3Access, bucket: string, signal?: AbortSignal): Promise<string | undefined> {
  const aborting = signal === undefined ? {} : { abortSignal: signal };
  try {
    return (await client.send(new HeadBucketCommand({ Bucket: bucket }), aborting)).BucketRegion;
  } catch (refusal) {
    if (!ELSEWHERE.has(toS3Answer(refusal)?.status ?? 0)) throw refusal;
    const stated =
      toStatedRegion(refusal) ??
      (await client
        .send(new GetBucketLocationCommand({ Bucket: bucket }), aborting)
        .then(() => undefined, toStatedRegion));
    if (stated === undefined) throw refusal;
    return stated;
  }
}

/**
 * The region by GetBucketLocation, for servers that do not state it with HeadBucket. For S3 an empty location is us-east-1,
 * but S3 has stated the region before: here it is the answer of a server whose buckets lie in no region. "EU" is the old name
 * of eu-west-1 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html).
 */
async function readLocation({ client }: S3Access, bucket: string): Promise<string | undefined> {
  const answer = await client.send(new GetBucketLocationCommand({ Bucket: bucket })).catch((refusal: unknown) => {
    if (NO_LOCATION.has(toS3Answer(refusal)?.status ?? 0)) return undefined;
    throw refusal;
  });
  const location: string = answer?.LocationConstraint ?? "";
  if (location === "EU") return "eu-west-1";
  return location === "" ? undefined : location;
}

function toWhat(bucket: string): string {
  return `bucket ${bucket}`;
}

/** Only the operator can mend a bucket that is missing: waiting does not help. */
function toBucketProblem(error: unknown, bucket: string): unknown {
  if (!(error instanceof DomainError) || error.reason !== "FILE_NOT_FOUND") return error;
  const message = `bucket ${bucket} does not exist; create it, or configure another`;
  return new DomainError("unavailable", message, {
    reason: "STORAGE_UNAVAILABLE",
    retryAfterMs: 60_000,
    cause: error,
  });
}

/** The region that storage states with a refusal, in a header or in the document. */
function toStatedRegion(refusal: unknown): string | undefined {
  const { $response, Region } = refusal as {
    $response?: { headers?: Readonly<Record<string, string>> };
    Region?: string;
  };
  return $response?.headers?.["x-amz-bucket-region"] ?? Region;
}
