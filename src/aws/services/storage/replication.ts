import { z } from "zod";
import { KEY_ITSELF } from "../../policy/key-policy.ts";
import { throughS3 } from "../../policy/key-use.ts";
import { findForeignArn } from "../../policy/local-arn.ts";
import { Policy } from "../../policy/policy.ts";
import { createRole, trustService } from "../../policy/role.ts";
import { createScanGate } from "../../policy/scan-gate.ts";
import { createTransportGuards } from "../../policy/transport-guards.ts";
import { SettingsProblem } from "../../settings/settings-problem.ts";
import { ACCESS_LOG_PREFIX, secureBucket } from "../../template/bucket.ts";
import type { Site } from "../../template/site.ts";
import type { Resource } from "../../template/template.ts";
import type { Properties } from "../../template/value.ts";
import { defineService, type PolicyStatement } from "../aws-service.ts";
import { allowDelivery } from "../log-delivery.ts";

const ROLE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html";
const OVERVIEW = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html";
const ACCESS_LOGS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html";
const ENCRYPTED = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html";
/** What S3 does with the key of replicas: with a bucket key it makes data keys. */
const ENCRYPT_ACTIONS = ["kms:Encrypt", "kms:GenerateDataKey"];
const NONCURRENT_DAYS = 30;
const REPLICATION_TIME_MINUTES = 15; // the one value that S3 takes

const OPTIONS = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region is written like "eu-central-1"')
    .optional()
    .meta({
      description: "Region of the replicas, within the residency; the bucket's own when left out.",
      examples: ["eu-central-1"],
    }),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket's name has 3 to 63 small letters, digits, dots and hyphens")
    .optional()
    .meta({
      description:
        "Existing bucket of this account that keeps versions. When left out, `{bucket}-replica` is made in the bucket's region.",
      examples: ["my-replicas"],
    }),
  keyArn: z
    .string()
    .regex(/^arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, "a KMS key is named by its ARN")
    .optional()
    .meta({
      description: "ARN of the KMS key of replicas in an existing bucket, where files are encrypted by KMS.",
      examples: ["arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
    }),
  deleteMarkers: z
    .boolean()
    .default(true)
    .describe(
      "Whether replicas are hidden when their file is: a delete marker is replicated; the deletion of a version never is.",
    ),
  replicationTime: z
    .boolean()
    .default(false)
    .describe("S3 Replication Time Control: most replicas exist within 15 minutes, with metrics; AWS charges for it."),
  storageClass: z
    .enum(["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"])
    .default("STANDARD")
    .describe("Storage class of the replicas."),
});

type Options = z.output<typeof OPTIONS>;

/** Copies of the files in a second bucket. */
export const REPLICATION = defineService({
  name: "replication",
  title: "Amazon S3 Replication",
  gets: "a role that copies files into one other bucket, only within the residency",
  road: ["role", "bucket setting"],
  source: OVERVIEW,
  options: OPTIONS,
  findProblems,
  connect(site, options) {
    const replica = site.replicaBucket;
    const isOwn = options.bucket === undefined;
    return {
      resources: {
        ...(isOwn && createReplicaBucket(site, replica)),
        ReplicationRole: createReplicationRole(site, options, replica),
      },
      bucketProperties: { ReplicationConfiguration: createRule(site, options, replica) },
      bucketDependsOn: ["ReplicationRole", ...(isOwn ? ["ReplicationBucket"] : [])],
      ...(isOwn && {
        logBucketStatements: [
          allowDelivery(site, {
            sid: "AllowReplicaAccessLogs",
            why: "S3 writes the access logs of the replicas here.",
            source: ACCESS_LOGS,
            service: "logging.s3",
            prefix: `${ACCESS_LOG_PREFIX}replica/`,
            sourceArn: bucketArn(site, replica),
            hasAcl: false,
          }),
        ],
      }),
      ...(isOwn && { keyStatements: [createKeyStatement(site, replica)] }),
      ...(!isOwn && { destinations: [{ bucket: replica, region: options.region ?? site.region }] }),
      outputs: { ReplicationBucket: { description: "bucket of the replicas", value: replica } },
      notes: [
        `Replicas outlive their files: the replica of a purged or erased file stays in ${replica} until it is removed there, version by version. Erasure of a person's data is complete only when that is done.`,
        "Files that were there before are not replicated; S3 Batch Replication does that.",
        ...(options.keyArn === undefined
          ? []
          : [
              `The policy of ${options.keyArn} must let the account's policies allow ${ENCRYPT_ACTIONS.join(" and ")}.`,
            ]),
        ...(isOwn
          ? []
          : [
              `Bucket ${replica} must keep versions and lie in ${options.region ?? site.region}: \`sluice config verify\` checks that.`,
              ...(site.isGated
                ? [
                    `GuardDuty's gate does not reach bucket ${replica}, which this template does not make: its replicas are read before they were scanned, until its own policy has the statements DenyReadsUnlessClean and DenyScanTagByOthers with its ARN. Left out, \`bucket\` makes a bucket that has them.`,
                  ]
                : []),
            ]),
      ],
    };
  },
});

/** Whatever keeps the destination from being one. */
function findProblems(site: Site, { region = site.region, bucket, keyArn }: Options): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const refuse = (option: string, sentence: string) =>
    problems.push(new SettingsProblem(sentence, ["services", "replication", option]));
  if (!site.residency.includes(region)) {
    const residency = site.residency.join(", ");
    refuse(
      "region",
      `replicas in ${region} would leave the residency (${residency}); add the region there or replicate to one of these`,
    );
  }
  if (region !== site.region && bucket === undefined) {
    refuse(
      "bucket",
      `a stack of ${site.region} makes no bucket in ${region}; make one there and name it as replication.bucket`,
    );
  }
  const needsKey = site.keyArn !== undefined && bucket !== undefined;
  if (needsKey !== (keyArn !== undefined)) {
    refuse(
      "keyArn",
      needsKey
        ? `files are encrypted by KMS, and S3 replicates them into bucket ${bucket} under a key of ${region} alone; name it as replication.keyArn`
        : "keyArn is for an existing bucket and files that are encrypted by KMS; leave it out",
    );
  }
  problems.push(...findForeignArn(site, keyArn, { path: ["services", "replication", "keyArn"], regions: [region] }));
  if ([site.bucket, site.logBucket, site.anchorBucket].includes(site.replicaBucket)) {
    refuse(
      "bucket",
      `replicas need a bucket of their own, and ${site.replicaBucket} is used already; name another one`,
    );
  }
  return problems;
}

function bucketArn(site: Site, name: string): string {
  return site.arn("s3", name, { region: "", account: "" });
}

/** `ReplicationConfiguration` of the bucket of files: it covers Sluice's own keys and nothing that others write. */
function createRule(site: Site, options: Options, replica: string): Properties {
  const key = options.keyArn ?? site.keyArn;
  const { deleteMarkers, replicationTime, storageClass } = options;
  const within = { Status: "Enabled", Time: { Minutes: REPLICATION_TIME_MINUTES } };
  const metrics = { Status: "Enabled", EventThreshold: { Minutes: REPLICATION_TIME_MINUTES } };
  return {
    Role: site.roleArn("replication"),
    Rules: [
      {
        Id: "files",
        Priority: 1,
        Status: "Enabled",
        Filter: { Prefix: site.keyPrefix },
        ...(key !== undefined && { SourceSelectionCriteria: { SseKmsEncryptedObjects: { Status: "Enabled" } } }),
        DeleteMarkerReplication: { Status: deleteMarkers ? "Enabled" : "Disabled" },
        Destination: {
          Bucket: bucketArn(site, replica),
          StorageClass: storageClass,
          ...(key !== undefined && { EncryptionConfiguration: { ReplicaKmsKeyID: key } }),
          ...(replicationTime && { ReplicationTime: within, Metrics: metrics }),
        },
      },
    ],
  };
}

function createReplicationRole(site: Site, options: Options, replica: string): Resource {
  const key = options.keyArn ?? site.keyArn;
  return createRole(site, {
    purpose: "replication",
    why: "S3 reads the versions of files and writes their replicas.",
    source: ROLE,
    trusts: [
      trustService(site, "s3", {
        why: "S3 assumes the role for buckets of this account.",
        source: ROLE,
        isUndocumented: true,
      }),
    ],
    statements: [
      {
        sid: "SeeTheBucket",
        why: "S3 reads the rule of replication and the objects that it covers.",
        source: ROLE,
        actions: ["s3:GetReplicationConfiguration", "s3:ListBucket"],
        resources: [site.bucketArn],
      },
      {
        sid: "ReadVersions",
        why: "S3 reads versions of files with their tags. These actions serve replication alone and give nobody a file.",
        source: ROLE,
        actions: ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
        resources: [site.objects(site.keyPrefix)],
      },
      {
        sid: "WriteReplicas",
        why: "S3 writes replicas, their tags and delete markers; no version is ever deleted.",
        source: ROLE,
        actions: ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
        resources: [`${bucketArn(site, replica)}/${site.keyPrefix}*`],
      },
      ...(key === undefined
        ? []
        : [
            {
              sid: "EncryptReplicas",
              why: "S3 encrypts replicas by the key of their bucket.",
              source: ENCRYPTED,
              actions: ENCRYPT_ACTIONS,
              resources: [key],
              conditions: throughS3(site, bucketArn(site, replica), options.region),
            },
          ]),
    ],
  });
}

/** The bucket of replicas has the key of the files, which is told apart by bucket. */
function createKeyStatement(site: Site, replica: string): PolicyStatement {
  return {
    sid: "AllowReplicas",
    why: "Roles of the account use the key where their own policies allow it: through S3, and for the bucket of replicas.",
    source: ENCRYPTED,
    principal: { roles: [site.arn("iam", "root", { region: "" })] },
    actions: ["kms:Decrypt", ...ENCRYPT_ACTIONS],
    resources: KEY_ITSELF,
    conditions: throughS3(site, bucketArn(site, replica)),
  };
}

function createReplicaBucket(site: Site, replica: string): Record<string, Resource> {
  return {
    ReplicationBucket: {
      type: "AWS::S3::Bucket",
      why: "Keeps the replicas. It is in the region of the files, because a stack makes buckets in its own region alone: it protects against deletion, not against the loss of a region.",
      source: OVERVIEW,
      properties: {
        ...secureBucket(site, replica, site.keyArn),
        LifecycleConfiguration: {
          Rules: [
            {
              Id: "ExpireNoncurrentVersions",
              Status: "Enabled",
              NoncurrentVersionExpiration: { NoncurrentDays: NONCURRENT_DAYS },
              ExpiredObjectDeleteMarker: true,
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
        LoggingConfiguration: { DestinationBucketName: site.logBucket, LogFilePrefix: `${ACCESS_LOG_PREFIX}replica/` },
        NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
      },
      dependsOn: ["LogBucketPolicy"],
      isRetained: true,
    },
    ReplicationBucketPolicy: {
      type: "AWS::S3::BucketPolicy",
      why: "The policy has guards alone: the role's policy lets S3 in.",
      source: OVERVIEW,
      properties: {
        Bucket: replica,
        PolicyDocument: new Policy([
          ...createTransportGuards(bucketArn(site, replica)),
          ...(site.isGated
            ? createScanGate({ bucketArn: bucketArn(site, replica), prefixes: site.gatedPrefixes })
            : []),
        ]),
      },
      dependsOn: ["ReplicationBucket"],
      isRetained: true,
    },
  };
}
