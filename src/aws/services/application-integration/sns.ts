import { z } from "zod";
import { administerKey, DENY_GRANTS, KEY_ITSELF } from "../../policy/key-policy.ts";
import { findForeignArn } from "../../policy/local-arn.ts";
import { Policy, type Statement } from "../../policy/policy.ts";
import { createRole, ofThisAccount, tagsOf, trustService } from "../../policy/role.ts";
import { createTlsGuard } from "../../policy/tls-guard.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource, ref } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";
import { createDeadLetterQueue } from "../dead-letter-queue.ts";
import { createFileFilter, createFileRule, fileRuleArn, noteGate } from "../event-rule.ts";

const NOTIFY = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html";
const FROM_RULES = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html";
const KEYS = "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html";
const PUBLISH_ACTIONS = ["kms:GenerateDataKey", "kms:Decrypt"];

/** A topic that is told of new files. */
export const SNS = defineService({
  name: "sns",
  title: "Amazon SNS",
  gets: "an encrypted topic that is told of new files by an EventBridge rule or by S3 itself",
  road: ["notification"],
  source: NOTIFY,
  options: z.strictObject({
    delivery: z
      .enum(["eventbridge", "direct"])
      .default("eventbridge")
      .describe("`direct`: S3 notifies the topic itself; exclusive with direct delivery to another service."),
    key: z
      .union([
        z.enum(["create", "none"]),
        z
          .string()
          .regex(
            /^arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/,
            'say "create", "none" or the ARN of a customer managed key; alias/aws/sns cannot be opened to the senders',
          ),
      ])
      .default("create")
      .meta({
        description: "`create` a KMS key for the topic, `none`, or the ARN of a key whose policy lets the sender in.",
        examples: ["none"],
      }),
  }),
  findProblems(site, { key }) {
    const keyArn = key === "create" || key === "none" ? undefined : key;
    return findForeignArn(site, keyArn, { path: ["services", "sns", "key"] });
  },
  connect(site, { delivery, key }) {
    const isOwnKey = key === "create";
    const keyArn = isOwnKey || key === "none" ? undefined : key;
    const isDirect = delivery === "direct";
    const topicArn = site.arn("sns", site.nameOf("files", 256));
    const masterKey = isOwnKey ? getAtt("SnsKey", "Arn") : keyArn;
    return {
      resources: {
        ...(isOwnKey && { SnsKey: createKey(site, topicArn, isDirect) }),
        SnsTopic: {
          type: "AWS::SNS::Topic",
          why:
            masterKey === undefined
              ? "Tells its subscribers of every new file. The settings ask for no KMS key: SNS only encrypts its disks."
              : "Tells its subscribers of every new file. It has a key of the customer: AWS's own key for SNS cannot be opened to S3 or EventBridge, whose messages would be lost.",
          source: KEYS,
          properties: {
            TopicName: site.nameOf("files", 256),
            ...(masterKey !== undefined && { KmsMasterKeyId: masterKey }),
            ...tagsOf(site),
          },
        },
        SnsTopicPolicy: createTopicPolicy(site, topicArn, isDirect),
        ...(!isDirect && createRule(site, topicArn, keyArn)),
      },
      ...(isDirect && {
        bucketProperties: {
          NotificationConfiguration: {
            TopicConfigurations: [{ Event: "s3:ObjectCreated:*", Topic: topicArn, Filter: createFileFilter(site) }],
          },
        },
        bucketDependsOn: ["SnsTopicPolicy"],
      }),
      outputs: { SnsTopicArn: { description: "topic of new files", value: ref("SnsTopic") } },
      notes: [
        ...(keyArn === undefined
          ? []
          : [
              `The policy of ${keyArn} must allow ${PUBLISH_ACTIONS.join(" and ")} to ${isDirect ? site.principal("s3") : site.roleArn("sns")}.`,
            ]),
        ...(key === "none"
          ? ["Without a key SNS encrypts the topic's messages by its own disk encryption alone."]
          : []),
        "Subscriptions are made where the subscriber is defined; none is in the template.",
        ...noteGate(site, delivery),
      ],
    };
  },
});

function createTopicPolicy(site: Site, topicArn: string, isDirect: boolean): Resource {
  const direct: Statement = {
    sid: "AllowNotifications",
    why: "S3, for this bucket.",
    source: NOTIFY,
    principal: { services: [site.principal("s3")] },
    actions: ["sns:Publish"],
    resources: [topicArn],
    conditions: ofThisAccount(site, site.bucketArn),
  };
  return {
    type: "AWS::SNS::TopicInlinePolicy",
    why: isDirect
      ? "Accepts only TLS, and only the one sender that may publish."
      : "Accepts only TLS. EventBridge publishes by a role: in a topic's policy it supports no conditions, so any account's rule would be let in.",
    source: isDirect ? NOTIFY : FROM_RULES,
    properties: {
      TopicArn: topicArn,
      PolicyDocument: new Policy([createTlsGuard("sns", topicArn), ...(isDirect ? [direct] : [])]),
    },
    dependsOn: ["SnsTopic"],
  };
}

function createRule(site: Site, topicArn: string, keyArn: string | undefined): Record<string, Resource> {
  return {
    ...createDeadLetterQueue(site, {
      logicalId: "SnsDeadLetterQueue",
      purpose: "sns-undelivered",
      ruleArn: fileRuleArn(site, "sns"),
    }),
    SnsRole: createRole(site, {
      purpose: "sns",
      why: "EventBridge publishes to the topic, and does nothing else.",
      source: FROM_RULES,
      trusts: [
        trustService(site, "events", {
          why: "EventBridge assumes the role for the rule of this template.",
          source:
            "https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html",
          sourceArn: fileRuleArn(site, "sns"),
        }),
      ],
      statements: [
        {
          sid: "Publish",
          why: "EventBridge publishes one message for each new file.",
          source: FROM_RULES,
          actions: ["sns:Publish"],
          resources: [topicArn],
        },
        ...(keyArn === undefined
          ? []
          : [
              {
                sid: "UseTheTopicsKey",
                why: "Publishing to an encrypted topic makes a data key.",
                source: KEYS,
                actions: PUBLISH_ACTIONS,
                resources: [keyArn],
              },
            ]),
      ],
    }),
    SnsRule: createFileRule(site, {
      purpose: "sns",
      why: "Routes new files to the topic.",
      target: {
        Id: "topic",
        Arn: ref("SnsTopic"),
        RoleArn: getAtt("SnsRole", "Arn"),
        DeadLetterConfig: { Arn: getAtt("SnsDeadLetterQueue", "Arn") },
      },
    }),
  };
}

/** The key's policy names the sender, so that neither the role nor S3 needs more than the policy states. */
function createKey(site: Site, topicArn: string, isDirect: boolean): Resource {
  return {
    type: "AWS::KMS::Key",
    why: "Encrypts the topic's messages, and not the files.",
    source: KEYS,
    properties: {
      Description: `Messages of topic ${site.nameOf("files", 256)}`,
      EnableKeyRotation: true,
      KeyPolicy: new Policy([
        administerKey(site),
        isDirect
          ? {
              sid: "AllowS3",
              why: "S3 publishes to the topic, for this bucket.",
              source: NOTIFY,
              principal: { services: [site.principal("s3")] },
              actions: PUBLISH_ACTIONS,
              resources: KEY_ITSELF,
              conditions: ofThisAccount(site, site.bucketArn),
            }
          : {
              sid: "AllowTheRule",
              why: "The rule's role publishes to this topic. EventBridge itself is not let in: for it a key's policy supports no source conditions.",
              source: KEYS,
              principal: { roles: [site.roleArn("sns")] },
              actions: PUBLISH_ACTIONS,
              resources: KEY_ITSELF,
              conditions: { StringEquals: { "kms:EncryptionContext:aws:sns:topicArn": topicArn } },
            },
        DENY_GRANTS,
      ]),
      ...tagsOf(site),
    },
    ...(!isDirect && { dependsOn: ["SnsRole"] }),
  };
}
