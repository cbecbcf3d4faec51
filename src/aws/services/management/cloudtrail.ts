import { z } from "zod";
import { createRole, tagsOf, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";
import { allowDelivery, allowDeliveryCheck } from "../log-delivery.ts";

const BUCKET_POLICY =
  "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html";
const DATA_EVENTS =
  "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html";
const LOG_ROLE =
  "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html";
const PREFIX = "cloudtrail/";
const LOG_GROUP_DAYS = 365;

/** A trail of every request for an object of the bucket. */
export const CLOUDTRAIL = defineService({
  name: "cloudtrail",
  title: "AWS CloudTrail",
  gets: "a trail of every read and write of an object of this bucket, delivered to the log bucket",
  road: ["log bucket policy", "role"],
  source: DATA_EVENTS,
  options: z.strictObject({
    events: z.enum(["all", "write"]).default("all").describe("`write` leaves out reads, which are most of the events."),
    logGroup: z
      .boolean()
      .default(true)
      .describe(
        "Whether events also go into a CloudWatch Logs group, where they can be searched and alarms can be set.",
      ),
  }),
  connect(site, { events, logGroup }) {
    const trailName = site.nameOf("cloudtrail", 128);
    const trailArn = site.arn("cloudtrail", `trail/${trailName}`);
    const delivery = { source: BUCKET_POLICY, service: "cloudtrail", sourceArn: trailArn, hasAccount: false };
    return {
      resources: {
        ...(logGroup && createLogGroup(site, trailArn)),
        CloudtrailTrail: {
          type: "AWS::CloudTrail::Trail",
          why: "Records data events of this bucket alone, in files whose digests prove that nobody changed them. Management events are left to the account's own trail.",
          source: DATA_EVENTS,
          properties: {
            TrailName: trailName,
            IsLogging: true,
            IsMultiRegionTrail: false,
            IncludeGlobalServiceEvents: false,
            EnableLogFileValidation: true,
            S3BucketName: site.logBucket,
            // CloudTrail adds the slash itself.
            S3KeyPrefix: PREFIX.slice(0, -1),
            AdvancedEventSelectors: [
              {
                Name: "Objects of the bucket of files",
                FieldSelectors: [
                  { Field: "eventCategory", Equals: ["Data"] },
                  { Field: "resources.type", Equals: ["AWS::S3::Object"] },
                  { Field: "resources.ARN", StartsWith: [`${site.bucketArn}/`] },
                  ...(events === "write" ? [{ Field: "readOnly", Equals: ["false"] }] : []),
                ],
              },
            ],
            ...(logGroup && {
              CloudWatchLogsLogGroupArn: getAtt("CloudtrailLogGroup", "Arn"),
              CloudWatchLogsRoleArn: getAtt("CloudtrailRole", "Arn"),
            }),
            ...tagsOf(site),
          },
          dependsOn: ["LogBucketPolicy"],
        },
      },
      logBucketStatements: [
        allowDeliveryCheck(site, {
          ...delivery,
          sid: "AllowCloudtrailCheck",
          why: "CloudTrail reads the bucket's ACL before it delivers.",
          actions: ["s3:GetBucketAcl"],
        }),
        allowDelivery(site, {
          ...delivery,
          sid: "AllowCloudtrail",
          why: "The trail of this template, and no other, delivers its events and digests.",
          prefix: `${PREFIX}AWSLogs/${site.account}/`,
        }),
      ],
      notes: [
        "CloudTrail charges for each data event: with `events: write` the trail leaves reads out.",
        "The trail's files are encrypted by SSE-S3 like the rest of the log bucket, not by a KMS key.",
      ],
    };
  },
});

function createLogGroup(site: Site, trailArn: string): Record<string, Resource> {
  const name = `/aws/cloudtrail/${site.nameOf("cloudtrail", 128)}`;
  const streams = site.arn("logs", `log-group:${name}:log-stream:${site.account}_CloudTrail_${site.region}*`);
  return {
    CloudtrailLogGroup: {
      type: "AWS::Logs::LogGroup",
      why: "Keeps the same events where they can be searched and alarms can be set on them.",
      source: LOG_ROLE,
      properties: { LogGroupName: name, RetentionInDays: LOG_GROUP_DAYS, ...tagsOf(site) },
      isRetained: true,
    },
    CloudtrailRole: createRole(site, {
      purpose: "cloudtrail",
      why: "CloudTrail writes the events of the trail into the log group.",
      source: LOG_ROLE,
      trusts: [
        trustService(site, "cloudtrail", {
          why: "CloudTrail assumes the role for the trail of this template.",
          source: LOG_ROLE,
          sourceArn: trailArn,
        }),
      ],
      statements: [
        {
          sid: "WriteLogStreams",
          why: "CloudTrail makes one stream for each account and region, and writes into it.",
          source: LOG_ROLE,
          actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
          resources: [streams],
        },
      ],
    }),
  };
}
