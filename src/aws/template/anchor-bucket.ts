import { Policy } from "../policy/policy.ts";
import { createTransportGuards } from "../policy/transport-guards.ts";
import type { Settings } from "../settings/settings.ts";
import { ACCESS_LOG_PREFIX, secureBucket } from "./bucket.ts";
import type { Site } from "./site.ts";
import type { Resource } from "./template.ts";

/**
 * The bucket that keeps the heads of the audit chain under Object Lock. It is a separate bucket, because a default retention
 * on the bucket of files would forbid purge and erasure. Empty when the settings ask for no anchors.
 */
export function createAnchorBucket(site: Site, { anchors }: Settings): Record<string, Resource> {
  if (anchors === false) return {};
  const source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html";
  return {
    AnchorBucket: {
      type: "AWS::S3::Bucket",
      why: `Keeps the heads of the audit chain where nobody can rewrite them for ${anchors.days} days.`,
      source,
      properties: {
        ...secureBucket(site, site.anchorBucket),
        ObjectLockEnabled: true,
        ObjectLockConfiguration: {
          ObjectLockEnabled: "Enabled",
          Rule: { DefaultRetention: { Mode: anchors.mode, Days: anchors.days } },
        },
        LifecycleConfiguration: {
          Rules: [
            {
              Id: "AbortIncompleteMultipartUploads",
              Status: "Enabled",
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
        LoggingConfiguration: { DestinationBucketName: site.logBucket, LogFilePrefix: `${ACCESS_LOG_PREFIX}anchors/` },
      },
      dependsOn: ["LogBucketPolicy"],
      isRetained: true,
    },
    AnchorBucketPolicy: {
      type: "AWS::S3::BucketPolicy",
      why: "The policy has guards alone: the write role's own policy lets it in.",
      source,
      properties: {
        Bucket: site.anchorBucket,
        PolicyDocument: new Policy(createTransportGuards(site.anchorBucketArn)),
      },
      dependsOn: ["AnchorBucket"],
      isRetained: true,
    },
  };
}
