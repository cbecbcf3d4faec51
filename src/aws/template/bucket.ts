import { tagsOf } from "../policy/role.ts";
import type { Site } from "./site.ts";
import type { Properties } from "./value.ts";

/** Prefix below which S3 writes access logs in the log bucket. */
export const ACCESS_LOG_PREFIX = "access/";

/**
 * Properties that every bucket of the template has: SSE-S3 and no keys of callers (SSE-C), no ACLs, nothing public, versions.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
 */
export function secureBucket(site: Site, name: string): Properties {
  return {
    BucketName: name,
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [
        {
          ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
          BlockedEncryptionTypes: { EncryptionType: ["SSE-C"] },
        },
      ],
    },
    OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
    VersioningConfiguration: { Status: "Enabled" },
    ...tagsOf(site),
  };
}
