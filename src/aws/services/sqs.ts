import { z } from "zod";
import { defineService } from "../aws-service.ts";
import { createFileFilter, createFileRule, fileRuleArn } from "../event-rule.ts";
import { Policy } from "../policy.ts";
import { ofThisAccount, tagsOf } from "../role.ts";
import { getAtt } from "../template.ts";

const NOTIFY = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html";

/** A queue that hears of new files. */
export const SQS = defineService({
  name: "sqs",
  title: "Amazon SQS",
  gets: "a queue that is told of new files, by an EventBridge rule or by S3 itself",
  road: ["notification"],
  source: NOTIFY,
  options: z.strictObject({
    /** `direct`: S3 tells the queue itself; exclusive with direct delivery to another service. */
    delivery: z.enum(["eventbridge", "direct"]).default("eventbridge"),
  }),
  connect(site, { delivery }) {
    const name = site.nameOf("files", 80);
    const queueArn = site.arn("sqs", name);
    const isDirect = delivery === "direct";
    const sender = isDirect ? "s3" : "events";
    return {
      resources: {
        SqsQueue: {
          type: "AWS::SQS::Queue",
          why: "Hears of every new file.",
          source: NOTIFY,
          properties: {
            QueueName: name,
            SqsManagedSseEnabled: true,
            MessageRetentionPeriod: 1_209_600,
            ...tagsOf(site),
          },
        },
        SqsQueuePolicy: {
          type: "AWS::SQS::QueuePolicy",
          why: "The one sender that may put messages into the queue.",
          source: NOTIFY,
          properties: {
            Queues: [`https://sqs.${site.region}.${site.dnsSuffix}/${site.account}/${name}`],
            PolicyDocument: new Policy([
              {
                sid: "AllowNotifications",
                why: isDirect ? "S3, for this bucket." : "EventBridge, for the rule of this template.",
                source: NOTIFY,
                effect: "Allow",
                principal: { services: [site.principal(sender)] },
                actions: ["sqs:SendMessage"],
                resources: [queueArn],
                conditions: ofThisAccount(site, isDirect ? site.bucketArn : fileRuleArn(site, "sqs")),
              },
            ]),
          },
          dependsOn: ["SqsQueue"],
        },
        ...(!isDirect && {
          SqsRule: createFileRule(site, {
            purpose: "sqs",
            why: "Routes new files to the queue.",
            target: { Id: "queue", Arn: getAtt("SqsQueue", "Arn") },
          }),
        }),
      },
      ...(isDirect && {
        bucketProperties: {
          NotificationConfiguration: {
            QueueConfigurations: [
              {
                Event: "s3:ObjectCreated:*",
                Queue: queueArn,
                Filter: createFileFilter(site),
              },
            ],
          },
        },
        bucketDependsOn: ["SqsQueuePolicy"],
      }),
      outputs: { SqsQueueUrl: { description: "URL of the queue", value: { Ref: "SqsQueue" } } },
    };
  },
});
