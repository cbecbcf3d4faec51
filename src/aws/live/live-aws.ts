import { IAMClient } from "@aws-sdk/client-iam";
import { S3Client } from "@aws-sdk/client-s3";
import { BUCKET_FACETS, type LiveAws, LiveAwsProblem, ROLE_FACETS } from "./live-facets.ts";
import { toLiveAwsProblem } from "./live-problem.ts";
import { readBucketFacet } from "./read-bucket.ts";
import { readRoleFacet } from "./read-role.ts";

/** Tries of one request, the first counted; between them the SDK waits, at most 20 s. */
const TRIES_MAX = 3;
const CONNECT_TIMEOUT_MS = 5_000;
/** From the first byte sent to the last received: these answers are a few KB. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Where to look. */
export interface LivePlace {
  readonly region: string;
  /** Buckets of any other account are refused, where the endpoint is AWS. */
  readonly account: string;
  /** URL of an S3 server other than AWS. */
  readonly endpoint?: string | undefined;
  /** URL of an IAM server other than AWS; without it, roles are not asked for where `endpoint` is given. */
  readonly iamEndpoint?: string | undefined;
  /** The SDK's default chain when left out. */
  readonly credentials?: Credentials | (() => Promise<Credentials>) | undefined;
}

/** A key that requests are signed with. */
interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What is deployed, read through the AWS SDK. `close` ends its connections. */
export function createLiveAws(place: LivePlace): LiveAws & { close(): void } {
  const { region, account, endpoint, iamEndpoint, credentials } = place;
  const limits = {
    region,
    maxAttempts: TRIES_MAX,
    retryMode: "standard",
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
    ...(credentials !== undefined && { credentials }),
  };
  const s3 = new S3Client({
    ...limits,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    followRegionRedirects: false,
  });
  const iam = new IAMClient({ ...limits, ...(iamEndpoint !== undefined && { endpoint: iamEndpoint }) });
  const isIamThere = endpoint === undefined || iamEndpoint !== undefined;
  return {
    async readBucket(bucket, facet, { signal }) {
      const owner = endpoint === undefined ? { ExpectedBucketOwner: account } : {};
      try {
        return await readBucketFacet(s3, { Bucket: bucket, ...owner }, { facet, signal });
      } catch (error) {
        signal.throwIfAborted();
        throw toLiveAwsProblem(error, `bucket ${bucket}`, BUCKET_FACETS[facet]);
      }
    },
    async readRole(role, facet, { signal }) {
      if (!isIamThere) {
        throw new LiveAwsProblem(
          "unsupported",
          `roles are not asked for at ${endpoint}, which is an S3 endpoint alone`,
        );
      }
      try {
        return await readRoleFacet(iam, role, { facet, signal });
      } catch (error) {
        signal.throwIfAborted();
        throw toLiveAwsProblem(error, `role ${role}`, ROLE_FACETS[facet]);
      }
    },
    close() {
      s3.destroy();
      iam.destroy();
    },
  };
}
