import { CloudControlClient } from "@aws-sdk/client-cloudcontrol";
import { IAMClient } from "@aws-sdk/client-iam";
import { S3Client } from "@aws-sdk/client-s3";
import { listReadPermissions } from "../../template/readable-types.ts";
import { BUCKET_FACETS, type LiveAws, LiveAwsProblem, ROLE_FACETS } from "../comparison/live-facets.ts";
import { type Caller, toClientLimits } from "./client-limits.ts";
import { toLiveAwsProblem } from "./live-problem.ts";
import { readBucketFacet } from "./read-bucket.ts";
import { listResources, readResource } from "./read-resource.ts";
import { readRoleFacet } from "./read-role.ts";

/** The place to read from. */
export interface LivePlace extends Caller {
  /** When the endpoint is AWS, buckets of any other account are refused. */
  readonly account: string;
  /** URL of an S3 server other than AWS. */
  readonly endpoint?: string | undefined;
  /** URL of an IAM server other than AWS. When `endpoint` is given without it, roles are not read. */
  readonly iamEndpoint?: string | undefined;
  /** URL of a Cloud Control API other than AWS. When `endpoint` is given without it, no other resources are read. */
  readonly cloudControlEndpoint?: string | undefined;
}

/** One request to Cloud Control. */
interface Asking<T> {
  readonly signal: AbortSignal;
  readonly ask: (client: CloudControlClient) => Promise<T>;
}

/** Reads the deployed resources through the AWS SDK. `close` ends its connections. */
export function createLiveAws(place: LivePlace): LiveAws & { close(): void } {
  const { account, endpoint, iamEndpoint, cloudControlEndpoint } = place;
  const limits = toClientLimits(place);
  const clients = new Map<string, S3Client>();
  const s3In = (region: string): S3Client => {
    const known = clients.get(region);
    if (known !== undefined) return known;
    const made = new S3Client({
      ...limits,
      region,
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      followRegionRedirects: false,
    });
    clients.set(region, made);
    return made;
  };
  const iam = new IAMClient({ ...limits, ...(iamEndpoint !== undefined && { endpoint: iamEndpoint }) });
  const isIamThere = endpoint === undefined || iamEndpoint !== undefined;
  const cloudControl = new CloudControlClient({
    ...limits,
    ...(cloudControlEndpoint !== undefined && { endpoint: cloudControlEndpoint }),
  });
  /** Asks Cloud Control, which reads a resource of the type under these credentials. */
  const askCloudControl = async <T>(type: string, what: string, { signal, ask }: Asking<T>): Promise<T> => {
    if (endpoint !== undefined && cloudControlEndpoint === undefined) {
      throw new LiveAwsProblem("unsupported", `${type} is not asked for at ${endpoint}, which is an S3 endpoint alone`);
    }
    try {
      return await ask(cloudControl);
    } catch (error) {
      signal.throwIfAborted();
      throw toLiveAwsProblem(error, what, { permissions: listReadPermissions(type), where: "" });
    }
  };
  return {
    async readBucket(bucket, facet, { signal, region = place.region }) {
      const owner = endpoint === undefined ? { ExpectedBucketOwner: account } : {};
      try {
        return await readBucketFacet(s3In(region), { Bucket: bucket, ...owner }, { facet, signal });
      } catch (error) {
        signal.throwIfAborted();
        throw toProblem(error, `bucket ${bucket}`, BUCKET_FACETS[facet]);
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
        throw toProblem(error, `role ${role}`, ROLE_FACETS[facet]);
      }
    },
    readResource: async (type, identifier, { signal }) =>
      await askCloudControl(type, identifier, {
        signal,
        ask: async (client) => await readResource(client, { type, identifier, signal }),
      }),
    listResources: async (type, { signal, within }) =>
      await askCloudControl(type, type, {
        signal,
        ask: async (client) => await listResources(client, { type, within, signal }),
      }),
    close() {
      cloudControl.destroy();
      for (const s3 of clients.values()) s3.destroy();
      iam.destroy();
    },
  };
}

function toProblem(error: unknown, what: string, permissions: readonly string[]): LiveAwsProblem {
  return toLiveAwsProblem(error, what, { permissions, where: ` on ${what}, which must belong to the account` });
}
