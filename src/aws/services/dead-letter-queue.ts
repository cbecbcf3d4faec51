import { Policy } from "../policy/policy.ts";
import { ofThisAccount, tagsOf } from "../policy/role.ts";
import { createTlsGuard } from "../policy/tls-guard.ts";
import type { Site } from "../template/site.ts";
import type { Resource } from "../template/template.ts";
import { FreeForm } from "../template/value.ts";

const RULE_DLQ = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html";
const QUEUE_DLQ =
  "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html";
/** Seconds that SQS keeps a message: its maximum, 14 days. */
const RETENTION_SECONDS = 1_209_600;

/** The plan of a queue for messages that could not be delivered. */
export interface DeadLetterPlan {
  /** Logical id of the queue; its policy gets `Policy` after it. */
  readonly logicalId: string;
  /** Last part of its name; `deadLetterArn` gives the ARN. */
  readonly purpose: string;
  /** The EventBridge rule whose undelivered events it takes. */
  readonly ruleArn?: string | undefined;
  /** The queue whose messages it takes when no consumer could deal with them. */
  readonly queueArn?: string | undefined;
}

/**
 * The queue and its policy: EventBridge gives up an event after a day of tries, and a queue's consumer after some
 * receipts; either way it is kept here for 14 days.
 */
export function createDeadLetterQueue(site: Site, plan: DeadLetterPlan): Record<string, Resource> {
  const { logicalId, purpose, ruleArn, queueArn } = plan;
  const name = site.nameOf(purpose, 80);
  const arn = deadLetterArn(site, purpose);
  return {
    [logicalId]: {
      type: "AWS::SQS::Queue",
      why: "Keeps messages that could not be delivered for 14 days, so that they can be inspected and sent again.",
      source: queueArn === undefined ? RULE_DLQ : QUEUE_DLQ,
      properties: {
        QueueName: name,
        SqsManagedSseEnabled: true,
        MessageRetentionPeriod: RETENTION_SECONDS,
        RedriveAllowPolicy: new FreeForm(
          "json",
          queueArn === undefined
            ? { redrivePermission: "allowAll" }
            : { redrivePermission: "byQueue", sourceQueueArns: [queueArn] },
        ),
        ...tagsOf(site),
      },
    },
    [`${logicalId}Policy`]: {
      type: "AWS::SQS::QueueInlinePolicy",
      why: "Accepts only TLS, and only the rule of these events as sender.",
      source: RULE_DLQ,
      properties: {
        Queue: `https://sqs.${site.region}.${site.dnsSuffix}/${site.account}/${name}`,
        PolicyDocument: new Policy([
          createTlsGuard("sqs", arn),
          ...(ruleArn === undefined
            ? []
            : [
                {
                  sid: "AllowUndeliveredEvents",
                  why: "EventBridge sends here for the one rule of this template.",
                  source: RULE_DLQ,
                  principal: { services: [site.principal("events")] },
                  actions: ["sqs:SendMessage"],
                  resources: [arn],
                  conditions: ofThisAccount(site, ruleArn),
                },
              ]),
        ]),
      },
      dependsOn: [logicalId],
    },
  };
}

/** ARN of the dead-letter queue of that purpose. */
export function deadLetterArn(site: Site, purpose: string): string {
  return site.arn("sqs", site.nameOf(purpose, 80));
}
