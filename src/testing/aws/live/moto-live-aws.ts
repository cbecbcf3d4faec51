import { IAMClient } from "@aws-sdk/client-iam";
import { S3Client } from "@aws-sdk/client-s3";
import type { BucketFacet, LiveAws, RoleFacet } from "../../../aws/live/comparison/live-facets.ts";
import type { PlainMap } from "../../../aws/live/comparison/plain.ts";
import { createLiveAws } from "../../../aws/live/reading/live-aws.ts";
import { createLiveBucket, deployFacet } from "./deploy-bucket.ts";
import { createLiveRole, createManagedPolicy, deployRoleFacet } from "./deploy-role.ts";
import type { Moto } from "./moto.ts";

/** Facets that moto 5.2.5 keeps not at all or otherwise than S3, with what it does. */
export const MOTO_LACKS: Readonly<Partial<Record<BucketFacet, string>>> = {
  LoggingConfiguration: "moto 5.2.5 answers 500 to PutBucketLogging where the log bucket has a policy",
  NotificationConfiguration: "moto 5.2.5 forgets EventBridgeConfiguration",
  MetadataConfiguration: "moto 5.2.5 has no metadata tables",
  MetricsConfigurations: "moto 5.2.5 has no metrics configurations, and takes their request for another",
  ReplicationConfiguration: "moto 5.2.5 forgets the filter, and answers Disabled for DeleteMarkerReplication",
  InventoryConfigurations: "moto 5.2.5 forgets OptionalFields, and answers All for IncludedObjectVersions",
  ObjectLockConfiguration: "moto 5.2.5 answers Years: 0 beside Days",
};

/** Members of facets that moto 5.2.5 does not keep; the rest of the facet it does. */
export const MOTO_FORGETS: Readonly<Partial<Record<BucketFacet, readonly string[]>>> = {
  BucketEncryption: ["BlockedEncryptionTypes"],
};

/** The adapter on moto, and the clients that set up what it reads. `close` ends their connections. */
export interface MotoLiveAws {
  readonly liveAws: LiveAws;
  readonly s3: S3Client;
  readonly iam: IAMClient;
  createBucket(name: string, facets: PlainMap): Promise<void>;
  createRole(name: string, facets: PlainMap): Promise<void>;
  createManagedPolicy(name: string): Promise<string>;
  close(): void;
}

/** Account that moto gives whoever asks. */
export const MOTO_ACCOUNT = "123456789012";

/** The adapter on a running moto, in the region. moto 5.2.5 has no Cloud Control: another server may stand for it. */
export function createMotoLiveAws(
  { url }: Moto,
  region: string,
  { cloudControlEndpoint }: { cloudControlEndpoint?: string } = {},
): MotoLiveAws {
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  const s3 = new S3Client({ region, endpoint: url, forcePathStyle: true, credentials });
  const iam = new IAMClient({ region, endpoint: url, credentials });
  const endpoints = { endpoint: url, iamEndpoint: url, cloudControlEndpoint };
  const liveAws = createLiveAws({ region, account: MOTO_ACCOUNT, ...endpoints, credentials });
  return {
    liveAws,
    s3,
    iam,
    async createBucket(name, { Region: _, ...facets }) {
      await createLiveBucket(s3, name, { isLocked: facets.ObjectLockConfiguration !== undefined });
      for (const [facet, value] of Object.entries(facets)) {
        await deployFacet(s3, name, { facet: facet as BucketFacet, value });
      }
    },
    async createRole(name, facets) {
      await createLiveRole(iam, name);
      for (const [facet, value] of Object.entries(facets)) {
        await deployRoleFacet(iam, name, { facet: facet as RoleFacet, value });
      }
    },
    createManagedPolicy: async (name) => await createManagedPolicy(iam, name),
    close() {
      s3.destroy();
      iam.destroy();
      liveAws.close();
    },
  };
}
