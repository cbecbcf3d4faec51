import { z } from "zod";
import { KEY_ITSELF } from "../../policy/key-policy.ts";
import { throughS3 } from "../../policy/key-use.ts";
import type { Site } from "../../template/site.ts";
import { defineService, type PolicyStatement } from "../aws-service.ts";
import { allowDelivery, allowDeliveryCheck } from "../log-delivery.ts";

const ACCESS = "https://docs.aws.amazon.com/macie/latest/user/monitoring-restrictive-s3-buckets.html";
const RESULTS = "https://docs.aws.amazon.com/macie/latest/user/discovery-results-repository-s3.html";
const PREFIX = "macie/";

/** Amazon Macie, which searches the files for personal and secret data. */
export const MACIE = defineService({
  name: "macie",
  title: "Amazon Macie",
  gets: "permission to keep its discovery results in the log bucket; it reads files by its service-linked role, which only denials bind",
  road: ["log bucket policy"],
  source: ACCESS,
  partitions: ["aws"],
  options: z.strictObject({
    session: z
      .enum(["existing", "create"])
      .default("existing")
      .describe("An account has one Macie session in each region. `create` enables Macie here."),
  }),
  connect(site, { session }) {
    const delivery = {
      source: RESULTS,
      service: "macie",
      sourceArn: [site.arn("macie2", "export-configuration:*"), site.arn("macie2", "classification-job/*")],
    };
    return {
      ...(session === "create" && {
        resources: {
          MacieSession: {
            type: "AWS::Macie::Session",
            why: "Enables Macie in this account and region, with its service-linked role.",
            source: "https://docs.aws.amazon.com/macie/latest/user/getting-started.html",
            properties: { Status: "ENABLED", FindingPublishingFrequency: "ONE_HOUR" },
          },
        },
      }),
      keyStatements: [createKeyStatement(site)],
      keyDependsOn: session === "create" ? ["MacieSession"] : [],
      logBucketStatements: [
        allowDeliveryCheck(site, {
          ...delivery,
          sid: "AllowMacieCheck",
          why: "Macie checks where the bucket is before it delivers.",
          actions: ["s3:GetBucketLocation"],
        }),
        allowDelivery(site, {
          ...delivery,
          sid: "AllowMacie",
          why: "Macie delivers the results of its jobs and of automated discovery.",
          prefix: PREFIX,
          hasAcl: false,
        }),
      ],
      notes: [
        `Macie encrypts its results by a KMS key of yours, which must let macie.amazonaws.com use it. The log bucket takes them: aws macie2 put-classification-export-configuration --configuration 's3Destination={bucketName=${site.logBucket},keyPrefix=${PREFIX},kmsKeyArn=...}'`,
        "Macie reads files as AWSServiceRoleForAmazonMacie. No statement lets it in, and none is needed. But every denial of the bucket's policy binds it, including GuardDuty's gate: files not yet scanned for malware are left out of its findings.",
        ...(session === "create"
          ? ["The deployment fails where Macie is already enabled in this region: use `session: existing` there."]
          : ["Macie must already be enabled in this account and region."]),
      ],
    };
  },
});

/** Its service-linked role has no right to keys of its own: the key's policy must name it. */
function createKeyStatement(site: Site): PolicyStatement {
  const role = "role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie";
  return {
    sid: "AllowMacie",
    why: "Macie reads files under the key by its service-linked role, which is there once Macie is enabled.",
    source: "https://docs.aws.amazon.com/macie/latest/user/discovery-supported-encryption-types.html",
    principal: { roles: [site.arn("iam", role, { region: "" })] },
    actions: ["kms:Decrypt"],
    resources: KEY_ITSELF,
    conditions: throughS3(site, site.bucketArn),
  };
}
