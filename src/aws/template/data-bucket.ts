import { createBucketGuards } from "../policy/bucket-guards.ts";
import { Policy } from "../policy/policy.ts";
import type { PolicyStatement } from "../services/aws-service.ts";
import type { Settings } from "../settings/settings.ts";
import { ACCESS_LOG_PREFIX, secureBucket } from "./bucket.ts";
import { toExistingProperties } from "./existing-properties.ts";
import { mergeProperties } from "./merge-properties.ts";
import type { Site } from "./site.ts";
import type { Resource } from "./template.ts";
import type { Properties } from "./value.ts";

/**
 * The bucket of files and its policy. `added` is for services, and for whom the settings name; the policy's guards come first, its
 * own and then the `guards`.
 */
export function createDataBucket(
  site: Site,
  settings: Settings,
  added: {
    readonly properties: Properties;
    readonly dependsOn: readonly string[];
    readonly guards: readonly PolicyStatement[];
    readonly statements: readonly PolicyStatement[];
  },
): { DataBucket: Resource; DataBucketPolicy: Resource } {
  const own: Properties = {
    ...secureBucket(site, site.bucket, site.keyArn),
    LifecycleConfiguration: { Rules: toLifecycleRules(site, settings) },
    ...(!settings.minimal && {
      LoggingConfiguration: { DestinationBucketName: site.logBucket, LogFilePrefix: ACCESS_LOG_PREFIX },
    }),
    NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    ...toCors(settings),
  };
  return {
    DataBucket: {
      type: "AWS::S3::Bucket",
      why: `Keeps the files. Sluice's own keys are under ${site.keyPrefix} and are opaque; other writers stay under ${site.externalPrefix}, which Sluice never lists or sweeps.`,
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
      properties: mergeProperties(mergeProperties(own, added.properties), toExistingProperties(settings.existing)),
      dependsOn: [...(settings.minimal ? [] : ["LogBucketPolicy"]), ...added.dependsOn],
      isRetained: true,
    },
    DataBucketPolicy: {
      type: "AWS::S3::BucketPolicy",
      why: "Guards that hold whatever else is allowed come first, then one statement for each service that is let in.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html",
      properties: {
        Bucket: site.bucket,
        PolicyDocument: new Policy([...createBucketGuards(site, settings), ...added.guards, ...added.statements]),
      },
      dependsOn: ["DataBucket"],
      isRetained: true,
    },
  };
}

function toLifecycleRules(site: Site, { lifecycle }: Settings): Properties[] {
  return [
    {
      // Sluice gives up an upload after six days at most, so this rule never removes a live one.
      Id: "AbortIncompleteMultipartUploads",
      Status: "Enabled",
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: lifecycle.abortMultipartDays },
    },
    {
      Id: "ExpireNoncurrentVersions",
      Status: "Enabled",
      NoncurrentVersionExpiration: { NoncurrentDays: lifecycle.noncurrentDays },
      ExpiredObjectDeleteMarker: true,
    },
    ...(lifecycle.tieringDays === null
      ? []
      : [
          {
            // Intelligent-Tiering is used without its archive tiers: an archived object answers a presigned URL with an error.
            Id: "TierFiles",
            Status: "Enabled",
            Prefix: site.keyPrefix,
            Transitions: [{ StorageClass: "INTELLIGENT_TIERING", TransitionInDays: lifecycle.tieringDays }],
          },
        ]),
  ];
}

/** Lets pages of these origins send presigned parts and read presigned downloads. */
function toCors({ cors }: Settings): Properties {
  if (cors.origins.length === 0) return {};
  return {
    CorsConfiguration: {
      CorsRules: [
        {
          Id: "DirectParts",
          AllowedOrigins: cors.origins,
          AllowedMethods: ["GET", "HEAD", "PUT"],
          AllowedHeaders: ["content-type", "content-md5", "range", "x-amz-*"],
          ExposedHeaders: ["ETag", "Content-Range", "x-amz-checksum-crc32", "x-amz-version-id"],
          MaxAge: 3600,
        },
      ],
    },
  };
}
