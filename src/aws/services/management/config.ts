import { z } from "zod";
import { createRole, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";
import { allowDelivery, allowDeliveryCheck } from "../log-delivery.ts";

const BUCKET_POLICY = "https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html";
const ROLE = "https://docs.aws.amazon.com/config/latest/developerguide/iamrole-permissions.html";
const RECORDER = "https://docs.aws.amazon.com/config/latest/developerguide/stop-start-recorder.html";
const PREFIX = "config/";

/** AWS Config, which keeps the history of the bucket's settings. */
export const CONFIG = defineService({
  name: "config",
  title: "AWS Config",
  gets: "permission to deliver the history of settings to the log bucket, and a recorder if asked for",
  road: ["log bucket policy", "role"],
  source: BUCKET_POLICY,
  options: z.strictObject({
    recorder: z
      .enum(["existing", "create"])
      .default("existing")
      .describe("An account has one recorder in each region. `create` makes it here, with its delivery channel."),
    resourceTypes: z
      .array(z.string().regex(/^AWS::[A-Za-z0-9]+::[A-Za-z0-9]+$/, 'a resource type is written like "AWS::S3::Bucket"'))
      .min(1)
      .default(["AWS::S3::Bucket"])
      .meta({
        description: "Types of resources that a recorder from here records.",
        examples: [["AWS::S3::Bucket", "AWS::IAM::Role"]],
      }),
  }),
  connect(site, { recorder, resourceTypes }) {
    const delivery = { source: BUCKET_POLICY, service: "config" };
    return {
      ...(recorder === "create" && { resources: createRecorder(site, resourceTypes) }),
      logBucketStatements: [
        allowDeliveryCheck(site, {
          ...delivery,
          sid: "AllowConfigCheck",
          why: "Config checks that the bucket exists and who owns it before it delivers.",
          actions: ["s3:GetBucketAcl", "s3:ListBucket"],
        }),
        allowDelivery(site, {
          ...delivery,
          sid: "AllowConfig",
          why: "Config delivers snapshots and histories of this account.",
          prefix: `${PREFIX}AWSLogs/${site.account}/Config/`,
        }),
      ],
      notes:
        recorder === "create"
          ? [
              "The deployment fails where the account already has a recorder in this region: use `recorder: existing` there.",
            ]
          : [
              `Point the delivery channel of the account's recorder here: aws configservice put-delivery-channel --delivery-channel name=default,s3BucketName=${site.logBucket},s3KeyPrefix=${PREFIX.slice(0, -1)}`,
            ],
    };
  },
});

/** Recorder and channel must not depend on each other: CloudFormation makes both at once, and each waits for the other. */
function createRecorder(site: Site, resourceTypes: readonly string[]): Record<string, Resource> {
  return {
    ConfigRole: createRole(site, {
      purpose: "config",
      why: "Config reads the settings that it records, and delivers its findings.",
      source: ROLE,
      trusts: [
        trustService(site, "config", {
          why: "Config assumes the role for the recorder of this account.",
          source: ROLE,
        }),
      ],
      managedPolicyArns: [site.arn("iam", "policy/service-role/AWS_ConfigRole", { region: "", account: "aws" })],
      statements: [
        {
          sid: "Deliver",
          why: "Snapshots and histories go below Config's own prefix of the log bucket.",
          source: ROLE,
          actions: ["s3:PutObject"],
          resources: [site.logObjects(`${PREFIX}AWSLogs/${site.account}/Config/`)],
          conditions: { StringLike: { "s3:x-amz-acl": "bucket-owner-full-control" } },
        },
        {
          sid: "SeeTheLogBucket",
          why: "Config reads the bucket's ACL before it delivers.",
          source: ROLE,
          actions: ["s3:GetBucketAcl"],
          resources: [site.logBucketArn],
        },
      ],
    }),
    ConfigRecorder: {
      type: "AWS::Config::ConfigurationRecorder",
      why: "Records changes of the named types of resource alone.",
      source: RECORDER,
      properties: {
        RoleARN: getAtt("ConfigRole", "Arn"),
        RecordingGroup: { AllSupported: false, IncludeGlobalResourceTypes: false, ResourceTypes: resourceTypes },
      },
    },
    ConfigChannel: {
      type: "AWS::Config::DeliveryChannel",
      why: "Tells the recorder where to deliver.",
      source: BUCKET_POLICY,
      properties: { S3BucketName: site.logBucket, S3KeyPrefix: PREFIX.slice(0, -1) },
      dependsOn: ["LogBucketPolicy"],
    },
  };
}
