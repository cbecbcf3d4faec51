import { Policy } from "../policy/policy.ts";
import { ofThisAccount } from "../policy/role.ts";
import { createTransportGuards } from "../policy/transport-guards.ts";
import type { PolicyStatement } from "../services/aws-service.ts";
import type { Settings } from "../settings/settings.ts";
import { ACCESS_LOG_PREFIX, secureBucket } from "./bucket.ts";
import type { Site } from "./site.ts";
import type { Resource } from "./template.ts";

/**
 * The bucket that logs, trails, inventories and reports are delivered to, and its policy. It keeps these writings apart from
 * the files. `statements` come from the services that are switched on.
 */
export function createLogBucket(
  site: Site,
  { lifecycle, anchors }: Settings,
  statements: readonly PolicyStatement[],
): { LogBucket: Resource; LogBucketPolicy: Resource } {
  const source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html";
  const accessLogs: PolicyStatement = {
    sid: "AllowAccessLogs",
    why: "S3 writes the access logs of the other buckets here.",
    source,
    principal: { services: [site.principal("logging.s3")] },
    actions: ["s3:PutObject"],
    resources: [site.logObjects(ACCESS_LOG_PREFIX)],
    conditions: ofThisAccount(site, anchors === false ? site.bucketArn : [site.bucketArn, site.anchorBucketArn]),
  };
  return {
    LogBucket: {
      type: "AWS::S3::Bucket",
      why: "Receives access logs and the reports of services. It has no Object Lock: S3 delivers no access logs into a locked bucket.",
      source,
      properties: {
        ...secureBucket(site, site.logBucket),
        LifecycleConfiguration: {
          Rules: [
            {
              Id: "ExpireLogs",
              Status: "Enabled",
              ExpirationInDays: lifecycle.logDays,
              NoncurrentVersionExpiration: { NoncurrentDays: 1 },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
      },
      isRetained: true,
    },
    LogBucketPolicy: {
      type: "AWS::S3::BucketPolicy",
      why: "Each statement lets one service deliver below one prefix, for this account alone.",
      source,
      properties: {
        Bucket: site.logBucket,
        PolicyDocument: new Policy([...createTransportGuards(site.logBucketArn), accessLogs, ...statements]),
      },
      dependsOn: ["LogBucket"],
      isRetained: true,
    },
  };
}
