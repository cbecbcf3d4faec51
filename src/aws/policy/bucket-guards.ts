import type { PolicyStatement } from "../services/aws-service.ts";
import type { Settings } from "../settings/settings.ts";
import type { Site } from "../template/site.ts";
import { SLUICE_ROLES } from "./sluice-roles.ts";
import { createTransportGuards } from "./transport-guards.ts";

const CONDITION_KEYS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html";

/**
 * Actions that nobody may do to the bucket of files, whoever allows them. The denials name everyone and restrict that by
 * conditions: so they still apply to a role that is deleted and made again.
 */
export function createBucketGuards(site: Site, settings: Settings): PolicyStatement[] {
  const hasTls13 = settings.tls.own === "1.3" && !settings.minimal;
  return [
    ...createTransportGuards(site.bucketArn),
    {
      sid: "DenyOwnRolesBelowTls13",
      why: "Sluice itself speaks TLS 1.3 to S3. The rule excepts presigned URLs, which carry the signer's identity but are opened by anybody's browser, and AWS services.",
      source: CONDITION_KEYS,
      effect: "Deny" as const,
      principal: "everyone" as const,
      actions: ["s3:*"],
      resources: [site.bucketArn, site.objects()],
      conditions: {
        ArnEquals: { "aws:PrincipalArn": SLUICE_ROLES.map((purpose) => site.roleArn(purpose)) },
        StringNotEquals: { "s3:authType": "REST-QUERY-STRING" },
        NumericLessThan: { "s3:TlsVersion": "1.3" },
      },
    },
    createEncryptionGuard(site),
    {
      sid: "DenyStalePresignedUrls",
      why: `A presigned URL is refused ${settings.presign.ageSecondsMax} s after it was signed, whatever lifetime was signed into it.`,
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html",
      effect: "Deny",
      principal: "everyone",
      actions: ["s3:*"],
      resources: [site.objects()],
      conditions: {
        StringEquals: { "s3:authType": "REST-QUERY-STRING" },
        NumericGreaterThan: { "s3:signatureAge": String(settings.presign.ageSecondsMax * 1000) },
      },
    },
    {
      sid: "DenyOtherRegions",
      why: `Data stays in ${site.residency.join(", ")}: a request that reaches the bucket by an endpoint of another region is refused. AWS services are bound by their own statements.`,
      source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html",
      effect: "Deny",
      principal: "everyone",
      actions: ["s3:*"],
      resources: [site.bucketArn, site.objects()],
      conditions: {
        StringNotEquals: { "aws:RequestedRegion": site.residency },
        Bool: { "aws:PrincipalIsAWSService": "false" },
      },
    },
  ].filter(({ sid }) => sid !== "DenyOwnRolesBelowTls13" || hasTls13) as PolicyStatement[];
}

/** A request that names no encryption gets the bucket's default; one that names it must name the same. */
function createEncryptionGuard(site: Site): PolicyStatement {
  const common = {
    sid: "DenyOtherEncryption",
    effect: "Deny",
    principal: "everyone",
    actions: ["s3:PutObject"],
  } as const;
  const isNamed = { Null: { "s3:x-amz-server-side-encryption": "false" } };
  if (site.keyArn !== undefined) {
    return {
      ...common,
      why: "Files are encrypted by one KMS key and nothing else. A request that names no encryption gets it by the bucket's default; one that names KMS without a key would get S3's own key.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
      resources: [site.objects()],
      conditions: {
        ...isNamed,
        ArnNotEquals: { "s3:x-amz-server-side-encryption-aws-kms-key-id": site.keyArn },
      },
    };
  }
  return {
    ...common,
    why: "Files are encrypted by SSE-S3 and nothing else. A request that names no encryption gets it by the bucket's default; a writer whose own default is KMS must be told AES256.",
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingServerSideEncryption.html",
    resources: [site.objects()],
    conditions: { ...isNamed, StringNotEquals: { "s3:x-amz-server-side-encryption": "AES256" } },
  };
}
