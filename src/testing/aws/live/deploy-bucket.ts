import {
  CreateBucketCommand,
  CreateBucketMetadataConfigurationCommand,
  DeleteBucketCorsCommand,
  DeleteBucketEncryptionCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketMetadataConfigurationCommand,
  DeleteBucketOwnershipControlsCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketReplicationCommand,
  DeleteBucketTaggingCommand,
  DeleteBucketWebsiteCommand,
  DeletePublicAccessBlockCommand,
  PutBucketAccelerateConfigurationCommand,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketIntelligentTieringConfigurationCommand,
  PutBucketInventoryConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketLoggingCommand,
  PutBucketMetricsConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketReplicationCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutBucketWebsiteCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { BucketFacet } from "../../../aws/live/comparison/live-facets.ts";
import { type Plain, toList } from "../../../aws/live/comparison/plain.ts";
import { toApiInventory, toApiLifecycleRule, toApiNotifications } from "../../rigs/storage/api-form.ts";

// biome-ignore lint/suspicious/noExplicitAny: the inverse of a reading is as deep as S3's API, and tests alone use it
type Loose = any;

/** Makes a bucket; one that is to have Object Lock must be made with it. */
export async function createLiveBucket(
  s3: S3Client,
  Bucket: string,
  options: { isLocked?: boolean } = {},
): Promise<void> {
  const region = await s3.config.region();
  await s3.send(
    new CreateBucketCommand({
      Bucket,
      ...(region !== "us-east-1" && { CreateBucketConfiguration: { LocationConstraint: region as Loose } }),
      ...(options.isLocked && { ObjectLockEnabledForBucket: true }),
    }),
  );
}

/**
 * Sets one facet of a bucket to what CloudFormation's property says; undefined takes it away. The inverse of what `LiveAws`
 * reads. Throws the server's error, and an error when the API has no way to take the facet away.
 */
export async function deployFacet(
  s3: S3Client,
  Bucket: string,
  { facet, value }: { facet: BucketFacet; value: Plain | undefined },
): Promise<void> {
  const commands = value === undefined ? toRemoval(Bucket, facet) : toCommands(Bucket, facet, value);
  for (const command of commands) await s3.send(command as Loose);
}

function toCommands(Bucket: string, facet: BucketFacet, value: Loose): unknown[] {
  switch (facet) {
    case "Region":
      throw new Error("a bucket cannot be moved");
    case "BucketEncryption": {
      const rules = value.ServerSideEncryptionConfiguration?.map(
        ({ ServerSideEncryptionByDefault: byDefault, ...others }: Loose) => ({
          ...(byDefault !== undefined && { ApplyServerSideEncryptionByDefault: byDefault }),
          ...others,
        }),
      );
      return [new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: rules } })];
    }
    case "OwnershipControls":
      return [new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: value })];
    case "PublicAccessBlockConfiguration":
      return [new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: value })];
    case "VersioningConfiguration":
      return [new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: value })];
    case "LifecycleConfiguration":
      return [
        new PutBucketLifecycleConfigurationCommand({
          Bucket,
          LifecycleConfiguration: { Rules: value.Rules?.map(toApiLifecycleRule) },
        }),
      ];
    case "CorsConfiguration": {
      const rules = value.CorsRules?.map(({ Id, ExposedHeaders, MaxAge, ...others }: Loose) => ({
        ID: Id,
        ExposeHeaders: ExposedHeaders,
        MaxAgeSeconds: MaxAge,
        ...others,
      }));
      return [new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: rules } })];
    }
    case "LoggingConfiguration": {
      const LoggingEnabled = { TargetBucket: value.DestinationBucketName, TargetPrefix: value.LogFilePrefix };
      return [new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: { LoggingEnabled } })];
    }
    default:
      return toMoreCommands(Bucket, facet, value);
  }
}

function toMoreCommands(Bucket: string, facet: BucketFacet, value: Loose): unknown[] {
  switch (facet) {
    case "NotificationConfiguration":
      return [
        new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: toApiNotifications(value) }),
      ];
    case "InventoryConfigurations":
      return value.map(
        (one: Loose) =>
          new PutBucketInventoryConfigurationCommand({
            Bucket,
            Id: one.Id,
            InventoryConfiguration: toApiInventory(one),
          }),
      );
    case "MetadataConfiguration":
      return [new CreateBucketMetadataConfigurationCommand({ Bucket, MetadataConfiguration: value })];
    case "MetricsConfigurations":
      return value.map(
        ({ Id, Prefix }: Loose) =>
          new PutBucketMetricsConfigurationCommand({
            Bucket,
            Id,
            MetricsConfiguration: { Id, ...(Prefix !== undefined && { Filter: { Prefix } }) },
          }),
      );
    case "IntelligentTieringConfigurations":
      return value.map(
        ({ Id, Prefix, ...others }: Loose) =>
          new PutBucketIntelligentTieringConfigurationCommand({
            Bucket,
            Id,
            IntelligentTieringConfiguration: { Id, ...others, ...(Prefix !== undefined && { Filter: { Prefix } }) },
          }),
      );
    case "ReplicationConfiguration": {
      const rules = value.Rules?.map(({ Id, ...others }: Loose) => ({ ID: Id, ...others }));
      return [
        new PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: { Role: value.Role, Rules: rules } }),
      ];
    }
    case "ObjectLockConfiguration":
      return [new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: value })];
    case "AccelerateConfiguration": {
      const AccelerateConfiguration = { Status: value.AccelerationStatus };
      return [new PutBucketAccelerateConfigurationCommand({ Bucket, AccelerateConfiguration })];
    }
    case "WebsiteConfiguration": {
      const WebsiteConfiguration = { IndexDocument: { Suffix: value.IndexDocument } };
      return [new PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration })];
    }
    case "Tags":
      return [new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [...toList(value)] as Loose } })];
    case "Policy":
      return [new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(value) })];
    default:
      throw new Error(`no way to set ${facet}`);
  }
}

function toRemoval(Bucket: string, facet: BucketFacet): unknown[] {
  switch (facet) {
    case "BucketEncryption":
      return [new DeleteBucketEncryptionCommand({ Bucket })];
    case "OwnershipControls":
      return [new DeleteBucketOwnershipControlsCommand({ Bucket })];
    case "PublicAccessBlockConfiguration":
      return [new DeletePublicAccessBlockCommand({ Bucket })];
    case "VersioningConfiguration":
      return [new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } })];
    case "LifecycleConfiguration":
      return [new DeleteBucketLifecycleCommand({ Bucket })];
    case "CorsConfiguration":
      return [new DeleteBucketCorsCommand({ Bucket })];
    case "LoggingConfiguration":
      return [new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: {} })];
    case "NotificationConfiguration":
      return [new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: {} })];
    case "MetadataConfiguration":
      return [new DeleteBucketMetadataConfigurationCommand({ Bucket })];
    case "ReplicationConfiguration":
      return [new DeleteBucketReplicationCommand({ Bucket })];
    case "WebsiteConfiguration":
      return [new DeleteBucketWebsiteCommand({ Bucket })];
    case "Tags":
      return [new DeleteBucketTaggingCommand({ Bucket })];
    case "Policy":
      return [new DeleteBucketPolicyCommand({ Bucket })];
    default:
      throw new Error(`no way to take ${facet} away`);
  }
}
