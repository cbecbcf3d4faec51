import { z } from "zod";
import { Policy } from "../../policy/policy.ts";
import { ofThisAccount, tagsOf } from "../../policy/role.ts";
import { createTlsGuard } from "../../policy/tls-guard.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource, ref } from "../../template/template.ts";
import { FreeForm } from "../../template/value.ts";
import { defineService } from "../aws-service.ts";
import { createDeadLetterQueue, deadLetterArn } from "../dead-letter-queue.ts";
import { createFileFilter, createFileRule, fileRuleArn, noteGate } from "../event-rule.ts";

const NOTIFY = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html";
const FROM_RULES = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html";
const UNDELIVERED = "files-undelivered";

/** A queue that is told of new files. */
export const SQS = defineService({
  name: "sqs",
  title: "Amazon SQS",
  gets: "a queue, with its dead-letter queue, that is told of new files by an EventBridge rule or by S3 itself",
  road: ["notification"],
  source: NOTIFY,
  options: z.strictObject({
    delivery: z
      .enum(["eventbridge", "direct"])
      .default("eventbridge")
      .describe("`direct`: S3 notifies the queue itself; exclusive with direct delivery to another service."),
    receiptsMax: z
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe("How often a message is received before it goes to the dead-letter queue."),
  }),
  connect(site, { delivery, receiptsMax }) {
    const name = site.nameOf("files", 80);
    const queueArn = site.arn("sqs", name);
    const isDirect = delivery === "direct";
    return {
      resources: {
        ...createDeadLetterQueue(site, {
          logicalId: "SqsDeadLetterQueue",
          purpose: UNDELIVERED,
          queueArn,
          ruleArn: isDirect ? undefined : fileRuleArn(site, "sqs"),
        }),
        SqsQueue: {
          type: "AWS::SQS::Queue",
          why: "Is told of every new file, at least once and in no order, as S3's events come.",
          source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html",
          properties: {
            QueueName: name,
            // The queue uses SQS's own keys: a KMS key of AWS cannot be opened to the senders.
            SqsManagedSseEnabled: true,
            MessageRetentionPeriod: 1_209_600,
            RedrivePolicy: new FreeForm("json", {
              deadLetterTargetArn: getAtt("SqsDeadLetterQueue", "Arn"),
              maxReceiveCount: receiptsMax,
            }),
            ...tagsOf(site),
          },
        },
        SqsQueuePolicy: createQueuePolicy(site, name, isDirect),
        ...(!isDirect && {
          SqsRule: createFileRule(site, {
            purpose: "sqs",
            why: "Routes new files to the queue.",
            target: {
              Id: "queue",
              Arn: getAtt("SqsQueue", "Arn"),
              DeadLetterConfig: { Arn: getAtt("SqsDeadLetterQueue", "Arn") },
            },
          }),
        }),
      },
      ...(isDirect && {
        bucketProperties: {
          NotificationConfiguration: {
            QueueConfigurations: [{ Event: "s3:ObjectCreated:*", Queue: queueArn, Filter: createFileFilter(site) }],
          },
        },
        bucketDependsOn: ["SqsQueuePolicy"],
      }),
      outputs: {
        SqsQueueUrl: { description: "URL of the queue of new files", value: ref("SqsQueue") },
        SqsDeadLetterQueueUrl: {
          description: "URL of the queue of messages that could not be delivered or processed",
          value: ref("SqsDeadLetterQueue"),
        },
      },
      notes: [
        `Consumers need sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on ${queueArn} by their own roles.`,
        `Check ${deadLetterArn(site, UNDELIVERED)} from time to time: its messages were not processed.`,
        ...noteGate(site, delivery),
      ],
    };
  },
});

function createQueuePolicy(site: Site, name: string, isDirect: boolean): Resource {
  const queueArn = site.arn("sqs", name);
  return {
    type: "AWS::SQS::QueueInlinePolicy",
    why: "Accepts only TLS, and only the one sender that may put messages into the queue.",
    source: NOTIFY,
    properties: {
      Queue: `https://sqs.${site.region}.${site.dnsSuffix}/${site.account}/${name}`,
      PolicyDocument: new Policy([
        createTlsGuard("sqs", queueArn),
        {
          sid: "AllowNotifications",
          why: isDirect ? "S3, for this bucket." : "EventBridge sends here for the rule of this template.",
          source: isDirect ? NOTIFY : FROM_RULES,
          principal: { services: [site.principal(isDirect ? "s3" : "events")] },
          actions: ["sqs:SendMessage"],
          resources: [queueArn],
          conditions: ofThisAccount(site, isDirect ? site.bucketArn : fileRuleArn(site, "sqs")),
        },
      ]),
    },
    dependsOn: ["SqsQueue"],
  };
}
