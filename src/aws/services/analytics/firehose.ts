import { z } from "zod";
import type { Statement } from "../../policy/policy.ts";
import { createRole, tagsOf, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const ACCESS = "https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html";
const ERROR_LOGS = "https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html";
const LOG_STREAM = "S3Delivery";

/** A role for Firehose streams that deliver into the bucket, and the log of failed deliveries. */
export const FIREHOSE = defineService({
  name: "firehose",
  title: "Amazon Data Firehose",
  gets: "a role for delivery streams, which write below the external prefix, and a log of their errors",
  road: ["role"],
  source: ACCESS,
  options: z.strictObject({
    errorLogging: z
      .boolean()
      .default(true)
      .describe("Whether to make a log group for delivery errors, and allow writing into it."),
    logDays: z
      .literal([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653])
      .default(365)
      .describe("Days that delivery errors are kept: one of the numbers that CloudWatch Logs accepts."),
  }),
  connect(site, { errorLogging, logDays }) {
    const prefix = `${site.externalPrefix}firehose/`;
    return {
      resources: {
        FirehoseRole: createRole(site, {
          purpose: "firehose",
          why: `Delivery streams write records under ${prefix}.`,
          source: ACCESS,
          trusts: [
            trustService(site, "firehose", {
              why: "Delivery streams of this account assume the role.",
              source: ACCESS,
              sourceArn: site.arn("firehose", "deliverystream/*"),
            }),
          ],
          statements: [...createDeliveryStatements(site, prefix), ...(errorLogging ? [createLogStatement(site)] : [])],
        }),
        ...(errorLogging && createErrorLog(site, logDays)),
      },
      outputs: { FirehoseRoleArn: { description: "role of delivery streams", value: getAtt("FirehoseRole", "Arn") } },
      notes: [
        `Set the stream's prefix and its error prefix below ${prefix}: writes elsewhere are refused.`,
        site.keyArn === undefined
          ? "Leave the stream's S3 encryption off (the bucket's own SSE-S3 applies): the bucket refuses KMS."
          : "Leave the stream's S3 encryption off: the bucket's own key applies, and the bucket refuses another.",
        ...(errorLogging
          ? [`Turn on the stream's error logging with group ${toLogGroup(site)} and stream ${LOG_STREAM}.`]
          : []),
      ],
    };
  },
});

function createDeliveryStatements(site: Site, prefix: string): Statement[] {
  return [
    {
      sid: "DeliverRecords",
      why: "Firehose writes objects in parts, aborts those that it could not finish, and checks those that it wrote.",
      source: ACCESS,
      actions: ["s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject"],
      resources: [site.objects(prefix)],
    },
    {
      sid: "SeeTheBucket",
      why: "Firehose checks the bucket before it delivers, without a prefix: a condition on s3:prefix would fail the check.",
      source: ACCESS,
      actions: ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
      resources: [site.bucketArn],
    },
  ];
}

function createLogStatement(site: Site): Statement {
  return {
    sid: "LogErrors",
    why: "Firehose writes into the one stream that the template made; it may make none itself.",
    source: ERROR_LOGS,
    actions: ["logs:PutLogEvents"],
    resources: [site.arn("logs", `log-group:${toLogGroup(site)}:log-stream:${LOG_STREAM}`)],
  };
}

function createErrorLog(site: Site, days: number): Record<string, Resource> {
  return {
    FirehoseLogGroup: {
      type: "AWS::Logs::LogGroup",
      why: "Keeps the reasons why records could not be delivered; without it they would fail silently.",
      source: ERROR_LOGS,
      properties: { LogGroupName: toLogGroup(site), RetentionInDays: days, ...tagsOf(site) },
    },
    FirehoseLogStream: {
      type: "AWS::Logs::LogStream",
      why: "Firehose needs the stream to be there.",
      source: ERROR_LOGS,
      properties: { LogGroupName: toLogGroup(site), LogStreamName: LOG_STREAM },
      dependsOn: ["FirehoseLogGroup"],
    },
  };
}

function toLogGroup(site: Site): string {
  return `/aws/kinesisfirehose/${site.nameOf("firehose")}`;
}
