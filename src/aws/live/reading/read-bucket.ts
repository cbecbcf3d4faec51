import {
  GetBucketAccelerateConfigurationCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketLoggingCommand,
  GetBucketMetadataConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketReplicationCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetBucketWebsiteCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { BucketFacet } from "../comparison/live-facets.ts";
import { type Plain, toPlain } from "../comparison/plain.ts";
import { type BucketInput, readInventories, readMetrics, readTierings } from "./read-bucket-lists.ts";
import { toCorsForm, toLifecycleForm, toMetadataForm, toNotificationForm, toReplicationForm } from "./template-form.ts";

/** S3's errors for a setting that is not configured; here they are no failures. */
const NOTHING_CONFIGURED: ReadonlySet<string> = new Set([
  ...["ServerSideEncryptionConfigurationNotFoundError", "OwnershipControlsNotFoundError", "NoSuchBucketPolicy"],
  ...["NoSuchPublicAccessBlockConfiguration", "NoSuchLifecycleConfiguration", "NoSuchCORSConfiguration"],
  ...["ReplicationConfigurationNotFoundError", "ObjectLockConfigurationNotFoundError", "NoSuchTagSet"],
  ...["NoSuchWebsiteConfiguration", "NoSuchConfiguration", "MetadataConfigurationNotFound"],
]);

type Reader = (s3: S3Client, input: BucketInput, signal: AbortSignal) => Promise<unknown>;

/** Reads one facet of a bucket in CloudFormation's form. Throws the SDK's errors. */
export async function readBucketFacet(
  s3: S3Client,
  input: BucketInput,
  { facet, signal }: { facet: BucketFacet; signal: AbortSignal },
): Promise<Plain | undefined> {
  try {
    return toPlain(await READERS[facet](s3, input, signal));
  } catch (error) {
    if (error instanceof Error && NOTHING_CONFIGURED.has(error.name)) return undefined;
    throw error;
  }
}

const READERS: Readonly<Record<BucketFacet, Reader>> = {
  Region: readRegion,
  BucketEncryption: async (s3, input, abortSignal) => {
    const answer = await s3.send(new GetBucketEncryptionCommand(input), { abortSignal });
    const rules = answer.ServerSideEncryptionConfiguration?.Rules?.map(
      ({ ApplyServerSideEncryptionByDefault, ...others }) => ({
        ServerSideEncryptionByDefault: ApplyServerSideEncryptionByDefault,
        ...others,
      }),
    );
    return rules && { ServerSideEncryptionConfiguration: rules };
  },
  OwnershipControls: async (s3, input, abortSignal) =>
    (await s3.send(new GetBucketOwnershipControlsCommand(input), { abortSignal })).OwnershipControls,
  PublicAccessBlockConfiguration: async (s3, input, abortSignal) =>
    (await s3.send(new GetPublicAccessBlockCommand(input), { abortSignal })).PublicAccessBlockConfiguration,
  VersioningConfiguration: async (s3, input, abortSignal) => {
    const { Status } = await s3.send(new GetBucketVersioningCommand(input), { abortSignal });
    return Status && { Status };
  },
  LifecycleConfiguration: async (s3, input, abortSignal) =>
    toLifecycleForm(await s3.send(new GetBucketLifecycleConfigurationCommand(input), { abortSignal })),
  CorsConfiguration: async (s3, input, abortSignal) =>
    toCorsForm(await s3.send(new GetBucketCorsCommand(input), { abortSignal })),
  LoggingConfiguration: async (s3, input, abortSignal) => {
    const { LoggingEnabled } = await s3.send(new GetBucketLoggingCommand(input), { abortSignal });
    if (LoggingEnabled === undefined) return undefined;
    const { TargetBucket, TargetPrefix, TargetObjectKeyFormat, TargetGrants } = LoggingEnabled;
    return { DestinationBucketName: TargetBucket, LogFilePrefix: TargetPrefix, TargetObjectKeyFormat, TargetGrants };
  },
  NotificationConfiguration: async (s3, input, abortSignal) =>
    toNotificationForm(await s3.send(new GetBucketNotificationConfigurationCommand(input), { abortSignal })),
  InventoryConfigurations: readInventories,
  MetadataConfiguration: async (s3, input, abortSignal) => {
    const answer = await s3.send(new GetBucketMetadataConfigurationCommand(input), { abortSignal });
    return toMetadataForm(answer.GetBucketMetadataConfigurationResult?.MetadataConfigurationResult);
  },
  MetricsConfigurations: readMetrics,
  IntelligentTieringConfigurations: readTierings,
  ReplicationConfiguration: async (s3, input, abortSignal) =>
    toReplicationForm(
      (await s3.send(new GetBucketReplicationCommand(input), { abortSignal })).ReplicationConfiguration,
    ),
  ObjectLockConfiguration: async (s3, input, abortSignal) =>
    (await s3.send(new GetObjectLockConfigurationCommand(input), { abortSignal })).ObjectLockConfiguration,
  AccelerateConfiguration: async (s3, input, abortSignal) => {
    const { Status } = await s3.send(new GetBucketAccelerateConfigurationCommand(input), { abortSignal });
    return Status && { AccelerationStatus: Status };
  },
  WebsiteConfiguration: async (s3, input, abortSignal) => {
    const { $metadata, ...website } = await s3.send(new GetBucketWebsiteCommand(input), { abortSignal });
    const { IndexDocument, ErrorDocument, RedirectAllRequestsTo, RoutingRules } = website;
    const form = {
      IndexDocument: IndexDocument?.Suffix,
      ErrorDocument: ErrorDocument?.Key,
      RedirectAllRequestsTo,
      RoutingRules,
    };
    return Object.values(form).some((one) => one !== undefined) ? form : undefined;
  },
  Tags: async (s3, input, abortSignal) => (await s3.send(new GetBucketTaggingCommand(input), { abortSignal })).TagSet,
  Policy: async (s3, input, abortSignal) => {
    const { Policy } = await s3.send(new GetBucketPolicyCommand(input), { abortSignal });
    return Policy ? JSON.parse(Policy) : undefined;
  },
};

/**
 * The bucket's region. GetBucketLocation answers old names ("EU") and none for us-east-1. When it redirects or is not
 * allowed, a header of HEAD tells the region, whatever the status. Source:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
 */
async function readRegion(s3: S3Client, input: BucketInput, abortSignal: AbortSignal): Promise<string> {
  try {
    const { LocationConstraint } = await s3.send(new GetBucketLocationCommand(input), { abortSignal });
    const region: string = LocationConstraint ?? "us-east-1";
    if (region === "") return "us-east-1";
    return region === "EU" ? "eu-west-1" : region;
  } catch (error) {
    const isKnown = error instanceof Error && (error.name === "NoSuchBucket" || !("$metadata" in error));
    if (isKnown) throw error;
    return (await readRegionOfHead(s3, input, abortSignal)) ?? Promise.reject(error);
  }
}

/** Undefined when HEAD has no such header either. */
async function readRegionOfHead(
  s3: S3Client,
  input: BucketInput,
  abortSignal: AbortSignal,
): Promise<string | undefined> {
  try {
    return (await s3.send(new HeadBucketCommand(input), { abortSignal })).BucketRegion;
  } catch (error) {
    return (error as { $response?: { headers?: Record<string, string> } }).$response?.headers?.["x-amz-bucket-region"];
  }
}
