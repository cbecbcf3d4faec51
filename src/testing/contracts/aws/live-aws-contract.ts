import { expect } from "chai";
import { toCanonicalFacet } from "../../../aws/live/comparison/canonical-facet.ts";
import {
  BUCKET_FACETS,
  type BucketFacet,
  type LiveAws,
  LiveAwsProblem,
  ROLE_FACETS,
  type RoleFacet,
} from "../../../aws/live/comparison/live-facets.ts";
import type { Plain, PlainMap } from "../../../aws/live/comparison/plain.ts";

/** AWS, or what stands for it, and a way to set it up. Empty before each test. */
export interface LiveAwsSubject {
  readonly liveAws: LiveAws;
  readonly region: string;
  createBucket(name: string, facets: PlainMap): Promise<void>;
  createRole(name: string, facets: PlainMap): Promise<void>;
  /** Makes a managed policy that allows something; resolves to its ARN. */
  createManagedPolicy(name: string): Promise<string>;
  /** Facets that this AWS does not keep, each with a sentence; those tests are skipped with it. */
  readonly unable: Readonly<Partial<Record<BucketFacet | RoleFacet, string>>>;
}

const TRUST = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
};
const DOCUMENT = {
  Version: "2012-10-17",
  Statement: [{ Sid: "Read", Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::a-bucket/*" }],
};

/** One value of each facet that a fresh bucket does not have. */
const BUCKET_VALUES: Readonly<Partial<Record<BucketFacet, Plain>>> = {
  BucketEncryption: {
    ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
  },
  OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
  PublicAccessBlockConfiguration: {
    BlockPublicAcls: true,
    BlockPublicPolicy: false,
    IgnorePublicAcls: true,
    RestrictPublicBuckets: false,
  },
  VersioningConfiguration: { Status: "Enabled" },
  LifecycleConfiguration: {
    Rules: [
      {
        Id: "Tier",
        Status: "Enabled",
        Prefix: "files/",
        Transitions: [{ StorageClass: "INTELLIGENT_TIERING", TransitionInDays: 30 }],
      },
      { Id: "Expire", Status: "Disabled", Prefix: "logs/", ExpirationInDays: 365 },
    ],
  },
  CorsConfiguration: {
    CorsRules: [
      {
        Id: "DirectParts",
        AllowedOrigins: ["https://app.example.com"],
        AllowedMethods: ["PUT"],
        AllowedHeaders: ["content-type"],
        ExposedHeaders: ["ETag"],
        MaxAge: 3600,
      },
    ],
  },
  LoggingConfiguration: { DestinationBucketName: "a-bucket-logs", LogFilePrefix: "access/" },
  NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
  InventoryConfigurations: [
    {
      Id: "all",
      Enabled: true,
      Prefix: "files/",
      IncludedObjectVersions: "All",
      ScheduleFrequency: "Weekly",
      Destination: { BucketArn: "arn:aws:s3:::a-bucket-logs", Format: "CSV", Prefix: "inventory" },
    },
  ],
  MetricsConfigurations: [{ Id: "Files", Prefix: "files/" }],
  ReplicationConfiguration: {
    Role: "arn:aws:iam::111122223333:role/copies",
    Rules: [
      {
        Id: "files",
        Priority: 1,
        Status: "Enabled",
        Filter: { Prefix: "files/" },
        DeleteMarkerReplication: { Status: "Enabled" },
        Destination: { Bucket: "arn:aws:s3:::copies", StorageClass: "STANDARD" },
      },
    ],
  },
  ObjectLockConfiguration: {
    ObjectLockEnabled: "Enabled",
    Rule: { DefaultRetention: { Mode: "GOVERNANCE", Days: 7 } },
  },
  AccelerateConfiguration: { AccelerationStatus: "Enabled" },
  WebsiteConfiguration: { IndexDocument: "index.html" },
  Tags: [{ Key: "Team", Value: "files" }],
  Policy: {
    Version: "2012-10-17",
    Statement: [{ Sid: "Open", Effect: "Deny", Principal: "*", Action: "s3:*", Resource: "arn:aws:s3:::a-bucket/*" }],
  },
};

/** S3 gives a fresh bucket these of itself. */
const NEVER_EMPTY: ReadonlySet<BucketFacet> = new Set([
  ...(["Region", "BucketEncryption", "OwnershipControls", "PublicAccessBlockConfiguration"] as const),
]);

/** The tests of every `LiveAws`. */
export function liveAwsContract(getSubject: () => LiveAwsSubject): void {
  const { signal } = new AbortController();

  for (const facet of Object.keys(BUCKET_FACETS) as BucketFacet[]) {
    const value = BUCKET_VALUES[facet];
    if (value !== undefined) {
      it(`reads ${facet} of a bucket in CloudFormation's form, but for defaults`, async function () {
        const { liveAws, createBucket, unable } = getSubject();
        if (unable[facet] !== undefined) {
          console.log(`      skipped: ${unable[facet]}`);
          return this.skip();
        }
        await createBucket("a-bucket", { [facet]: value });
        const read = await liveAws.readBucket("a-bucket", facet, { signal });
        expect(toCanonicalFacet(facet, read)).to.deep.equal(toCanonicalFacet(facet, value));
      });
    }
    if (!NEVER_EMPTY.has(facet)) {
      it(`answers nothing for ${facet} of a bucket that has none`, async () => {
        const { liveAws, createBucket } = getSubject();
        await createBucket("a-bucket", {});
        expect(await liveAws.readBucket("a-bucket", facet, { signal })).to.equal(undefined);
      });
    }
  }

  it("says where a bucket lies, and when there is none", async () => {
    const { liveAws, createBucket, region } = getSubject();
    await createBucket("a-bucket", {});
    expect(await liveAws.readBucket("a-bucket", "Region", { signal })).to.equal(region);
    const error = await liveAws.readBucket("no-bucket", "Region", { signal }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(LiveAwsProblem).and.to.have.property("kind", "missing");
  });

  it("reads who may assume a role, its tags and its longest session", async () => {
    const { liveAws, createRole } = getSubject();
    const record = {
      AssumeRolePolicyDocument: TRUST,
      Path: "/",
      MaxSessionDuration: 7200,
      Tags: [{ Key: "Team", Value: "files" }],
    };
    await createRole("a-role", { Role: record });
    expect(await liveAws.readRole("a-role", "Role", { signal })).to.deep.equal(record);
  });

  it("reads the inline and attached policies of a role", async () => {
    const { liveAws, createRole, createManagedPolicy } = getSubject();
    const policies = [{ PolicyName: "access", PolicyDocument: DOCUMENT }];
    const arns = [await createManagedPolicy("managed")];
    await createRole("a-role", {
      Role: { AssumeRolePolicyDocument: TRUST },
      Policies: policies,
      ManagedPolicyArns: arns,
    });
    expect(await liveAws.readRole("a-role", "Policies", { signal })).to.deep.equal(policies);
    expect(await liveAws.readRole("a-role", "ManagedPolicyArns", { signal })).to.deep.equal(arns);
  });

  it("answers nothing for the policies of a role that has none", async () => {
    const { liveAws, createRole } = getSubject();
    await createRole("a-role", { Role: { AssumeRolePolicyDocument: TRUST } });
    expect(await liveAws.readRole("a-role", "Policies", { signal })).to.equal(undefined);
    expect(await liveAws.readRole("a-role", "ManagedPolicyArns", { signal })).to.equal(undefined);
  });

  for (const facet of Object.keys(ROLE_FACETS) as RoleFacet[]) {
    it(`says when there is no role to read ${facet} of`, async () => {
      const error = await getSubject()
        .liveAws.readRole("no-role", facet, { signal })
        .catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(LiveAwsProblem).and.to.have.property("kind", "missing");
    });
  }

  it("throws the signal's reason once it is aborted", async () => {
    const reason = new Error("enough");
    const { liveAws, createBucket } = getSubject();
    await createBucket("a-bucket", {});
    const read = liveAws.readBucket("a-bucket", "Tags", { signal: AbortSignal.abort(reason) });
    expect(await read.catch((thrown: unknown) => thrown)).to.equal(reason);
    const role = liveAws.readRole("a-role", "Role", { signal: AbortSignal.abort(reason) });
    expect(await role.catch((thrown: unknown) => thrown)).to.equal(reason);
  });
}
