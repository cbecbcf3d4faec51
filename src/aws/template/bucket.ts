import { tagsOf } from "../policy/role.ts";
import type { Site } from "./site.ts";
import type { Properties, Value } from "./value.ts";

/** Prefix below which S3 writes access logs in the log bucket. */
export const ACCESS_LOG_PREFIX = "access/";

/**
 * Properties that every bucket of the template has: SSE-S3, or a KMS key where files are kept, and no keys of callers (SSE-C),
 * no ACLs, nothing public, versions. With a bucket key, S3 asks KMS once for many objects.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
 */
export function secureBucket(site: Site, name: string, keyArn?: Value): Properties {
  return {
    BucketName: name,
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [
        {
          ServerSideEncryptionByDefault:
            keyArn === undefined ? { SSEAlgorithm: "AES256" } : { SSEAlgorithm: "aws:kms", KMSMasterKeyID: keyArn },
          ...(keyArn !== undefined && { BucketKeyEnabled: true }),
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
