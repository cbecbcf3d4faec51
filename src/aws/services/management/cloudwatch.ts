import { z } from "zod";
import { findForeignArn } from "../../policy/local-arn.ts";
import { Policy } from "../../policy/policy.ts";
import { ofThisAccount, tagsOf } from "../../policy/role.ts";
import { createTlsGuard } from "../../policy/tls-guard.ts";
import type { Site } from "../../template/site.ts";
import { type Resource, ref } from "../../template/template.ts";
import type { PolicyStatement } from "../aws-service.ts";
import { defineService } from "../aws-service.ts";
import { allowDelivery, allowDeliveryCheck } from "../log-delivery.ts";

const ALARMS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html";
const VENDED = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html";
/** Id of the request metrics for Sluice's own keys. */
const FILTER_ID = "Files";

/** Request metrics of the files, alarms on them, a log group, and delivery of logs to the log bucket. */
export const CLOUDWATCH = defineService({
  name: "cloudwatch",
  title: "Amazon CloudWatch",
  gets: "request metrics of the files, alarms on failed requests, a log group for Sluice, and delivery of other services' logs to the log bucket",
  road: ["bucket setting", "log bucket policy"],
  source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudwatch-monitoring.html",
  options: z.strictObject({
    alarmTopicArn: z
      .string()
      .regex(
        /^arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/,
        'a topic is named by its ARN: "arn:aws:sns:eu-central-1:111122223333:alarms"',
      )
      .optional()
      .meta({
        description: "ARN of a topic that alarms are sent to; when left out, a topic is made.",
        examples: ["arn:aws:sns:eu-central-1:111122223333:alarms"],
      }),
    serverErrorShareMax: z
      .number()
      .gt(0)
      .max(1)
      .default(0.01)
      .describe("Share of requests that fail in S3 (5xx), 0 to 1, above which an alarm is raised."),
    clientErrorShareMax: z
      .number()
      .gt(0)
      .max(1)
      .default(0.25)
      .describe(
        "Share of requests that S3 refuses (4xx), 0 to 1, above which an alarm is raised. Answers 404 to a HEAD are among them.",
      ),
    kmsKeyArn: z
      .string()
      .regex(/^arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, "a KMS key is named by its ARN")
      .optional()
      .meta({
        description: "ARN of a KMS key for the log group; CloudWatch's own encryption when left out.",
        examples: ["arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
      }),
  }),
  findProblems(site, { alarmTopicArn, kmsKeyArn }) {
    const path = ["services", "cloudwatch"];
    return [
      ...findForeignArn(site, alarmTopicArn, { path: [...path, "alarmTopicArn"] }),
      ...findForeignArn(site, kmsKeyArn, { path: [...path, "kmsKeyArn"] }),
    ];
  },
  connect(site, { alarmTopicArn, serverErrorShareMax, clientErrorShareMax, kmsKeyArn }) {
    const topicArn = alarmTopicArn ?? site.arn("sns", site.nameOf("alarms", 256));
    const dependsOn = alarmTopicArn === undefined ? ["CloudwatchTopicPolicy"] : [];
    return {
      resources: {
        ...(alarmTopicArn === undefined && createTopic(site)),
        CloudwatchServerErrors: createAlarm(site, topicArn, {
          metric: "5xxErrors",
          shareMax: serverErrorShareMax,
          what: "requests for files fail in S3",
          dependsOn,
        }),
        CloudwatchClientErrors: createAlarm(site, topicArn, {
          metric: "4xxErrors",
          shareMax: clientErrorShareMax,
          what: "requests for files are refused by S3",
          dependsOn,
        }),
        CloudwatchLogGroup: {
          type: "AWS::Logs::LogGroup",
          why: "Keeps the logs of Sluice's own tasks for a year.",
          source: "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html",
          properties: {
            LogGroupName: `/sluice/${site.bucket}`,
            RetentionInDays: 365,
            ...(kmsKeyArn !== undefined && { KmsKeyId: kmsKeyArn }),
            ...tagsOf(site),
          },
          isRetained: true,
        },
      },
      bucketProperties: { MetricsConfigurations: [{ Id: FILTER_ID, Prefix: site.keyPrefix }] },
      logBucketStatements: createDeliveryStatements(site),
      outputs: {
        CloudwatchLogGroupName: { description: "log group for Sluice's tasks", value: ref("CloudwatchLogGroup") },
        CloudwatchAlarmTopicArn: { description: "topic of the alarms", value: topicArn },
      },
      notes: [
        "AWS charges request metrics as custom metrics, and each alarm by itself.",
        `For services that deliver logs through CloudWatch Logs, name the bucket ${site.logBucket} with prefix cloudwatch.`,
        ...(alarmTopicArn === undefined
          ? ["Subscribe to the alarm topic: nobody is told until somebody does."]
          : [`The policy of ${alarmTopicArn}, and of its key, must let cloudwatch.amazonaws.com publish.`]),
      ],
    };
  },
});

function createTopic(site: Site): Record<string, Resource> {
  const name = site.nameOf("alarms", 256);
  const arn = site.arn("sns", name);
  return {
    CloudwatchTopic: {
      type: "AWS::SNS::Topic",
      why: "Alarms are sent here. The topic has no KMS key: an alarm holds a metric and no key or name of a file.",
      source: ALARMS,
      properties: { TopicName: name, ...tagsOf(site) },
    },
    CloudwatchTopicPolicy: {
      type: "AWS::SNS::TopicInlinePolicy",
      why: "Accepts only TLS, and only this account's alarms for this bucket as senders.",
      source: "https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html",
      properties: {
        TopicArn: arn,
        PolicyDocument: new Policy([
          createTlsGuard("sns", arn),
          {
            sid: "AllowAlarms",
            why: "The alarms of this template publish here.",
            source: "https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html",
            principal: { services: [site.principal("cloudwatch")] },
            actions: ["sns:Publish"],
            resources: [arn],
            conditions: ofThisAccount(site, site.arn("cloudwatch", `alarm:${site.nameOf("*", 255)}`)),
          },
        ]),
      },
      dependsOn: ["CloudwatchTopic"],
    },
  };
}

function createAlarm(
  site: Site,
  topicArn: string,
  alarm: { metric: "4xxErrors" | "5xxErrors"; shareMax: number; what: string; dependsOn: readonly string[] },
): Resource {
  return {
    type: "AWS::CloudWatch::Alarm",
    why: `Raised when more than ${toPercent(alarm.shareMax)} % of ${alarm.what} in three of five periods of five minutes.`,
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html",
    properties: {
      AlarmName: site.nameOf(alarm.metric, 255),
      AlarmDescription: `More than ${toPercent(alarm.shareMax)} % of ${alarm.what}.`,
      Namespace: "AWS/S3",
      MetricName: alarm.metric,
      Dimensions: [
        { Name: "BucketName", Value: site.bucket },
        { Name: "FilterId", Value: FILTER_ID },
      ],
      Statistic: "Average",
      Period: 300,
      EvaluationPeriods: 5,
      DatapointsToAlarm: 3,
      Threshold: alarm.shareMax,
      ComparisonOperator: "GreaterThanThreshold",
      TreatMissingData: "notBreaching",
      AlarmActions: [topicArn],
      OKActions: [topicArn],
      ...tagsOf(site),
    },
    ...(alarm.dependsOn.length > 0 && { dependsOn: alarm.dependsOn }),
  };
}

/** Allows delivery of logs that AWS services send through CloudWatch Logs. */
function createDeliveryStatements(site: Site): PolicyStatement[] {
  const delivery = { source: VENDED, service: "delivery.logs", sourceArn: site.arn("logs", "*") };
  return [
    allowDeliveryCheck(site, {
      ...delivery,
      sid: "AllowLogDeliveryCheck",
      why: "CloudWatch Logs checks who owns the bucket before it delivers.",
      actions: ["s3:GetBucketAcl"],
    }),
    allowDelivery(site, {
      ...delivery,
      sid: "AllowLogDelivery",
      why: "CloudWatch Logs writes logs of this account's resources, and leaves them to the bucket's owner.",
      prefix: `cloudwatch/AWSLogs/${site.account}/`,
    }),
  ];
}

/** A share in percent, without the digits that binary fractions leave. */
function toPercent(share: number): number {
  return Number((share * 100).toPrecision(6));
}
