import { z } from "zod";
import { findForeignArn } from "../../policy/local-arn.ts";
import { Policy } from "../../policy/policy.ts";
import { createRole, ofThisAccountIfNamed, tagsOf, trustService } from "../../policy/role.ts";
import { SettingsProblem } from "../../settings/settings-problem.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource } from "../../template/template.ts";
import { FreeForm } from "../../template/value.ts";
import { defineService } from "../aws-service.ts";
import { createDeadLetterQueue } from "../dead-letter-queue.ts";
import { createFileRule, fileRuleArn, noteGate } from "../event-rule.ts";

const S3_EVENTS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html";
const TO_LOGS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html";
const BUS_TO_BUS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html";
const ARCHIVE = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html";

/** Records of new files in a log group, an archive of them, and their way to another event bus. */
export const EVENTBRIDGE = defineService({
  name: "eventbridge",
  title: "Amazon EventBridge",
  gets: "a rule that records new files in a log group, and, if asked for, passes them to another event bus or archives them for replay",
  road: ["notification", "role"],
  source: S3_EVENTS,
  options: z.strictObject({
    logs: z.boolean().default(true).describe("Records every new file in the log group /aws/events/{bucket}."),
    kmsKeyArn: z
      .string()
      .regex(/^arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, "a KMS key is named by its ARN")
      .optional()
      .meta({
        description: "ARN of a KMS key for the log group; CloudWatch's own encryption when left out.",
        examples: ["arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
      }),
    targetBusArn: z
      .string()
      .regex(
        /^arn:aws(-cn|-us-gov)?:events:[a-z0-9-]+:\d{12}:event-bus\/[A-Za-z0-9._/-]{1,256}$/,
        'an event bus is named by its ARN: "arn:aws:events:eu-central-1:111122223333:event-bus/files"',
      )
      .optional()
      .meta({
        description:
          "ARN of an event bus of this account, in a region that data may be in, that gets every new file's event.",
        examples: ["arn:aws:events:eu-central-1:111122223333:event-bus/files"],
      }),
    archiveDays: z
      .int()
      .min(1)
      .max(36_500)
      .optional()
      .meta({
        description: "Days for which events of the bucket can be replayed; no archive when left out.",
        examples: [30],
      }),
  }),
  findProblems(site, { logs, kmsKeyArn, targetBusArn, archiveDays }) {
    const at = (option: string) => ["services", "eventbridge", option];
    const isIdle = !logs && targetBusArn === undefined && archiveDays === undefined;
    const isLoop = targetBusArn === site.arn("events", "event-bus/default");
    const idle = "nothing would be told of new files: leave logs on, or set targetBusArn or archiveDays";
    const loop = "targetBusArn is the bus on which S3's events arrive; it cannot be passed on to itself";
    return [
      ...(isIdle ? [new SettingsProblem(idle, at("logs"))] : []),
      ...findForeignArn(site, kmsKeyArn, { path: at("kmsKeyArn") }),
      ...findForeignArn(site, targetBusArn, { path: at("targetBusArn"), regions: site.residency }),
      ...(isLoop ? [new SettingsProblem(loop, at("targetBusArn"))] : []),
    ];
  },
  connect(site, { logs, kmsKeyArn, targetBusArn, archiveDays }) {
    return {
      resources: {
        ...(logs && createLogs(site, kmsKeyArn)),
        ...(targetBusArn !== undefined && createForwarding(site, targetBusArn)),
        ...(archiveDays !== undefined && { EventbridgeArchive: createArchive(site, archiveDays) }),
      },
      notes: [
        "The bucket sends all its events to EventBridge whether or not this is switched on: rules of your own need no change to the bucket.",
        ...(targetBusArn === undefined ? [] : noteGate(site, "bus")),
        "An event names the S3 key, which is opaque; ask Sluice for its path and metadata.",
        ...(kmsKeyArn === undefined
          ? []
          : [`The policy of ${kmsKeyArn} must let logs.${site.region}.${site.dnsSuffix} use it for the log group.`]),
      ],
    };
  },
});

function createLogs(site: Site, kmsKeyArn: string | undefined): Record<string, Resource> {
  const logGroup = `/aws/events/${site.bucket}`;
  const arn = site.arn("logs", `log-group:${logGroup}`);
  const ruleArn = fileRuleArn(site, "eventbridge");
  const principal = { services: [site.principal("events"), site.principal("delivery.logs")] };
  const rule = createFileRule(site, {
    purpose: "eventbridge",
    why: "Records new files in the log group.",
    hearer: "record",
    target: { Id: "log-group", Arn: arn, DeadLetterConfig: { Arn: getAtt("EventbridgeDeadLetterQueue", "Arn") } },
  });
  return {
    EventbridgeLogGroup: {
      type: "AWS::Logs::LogGroup",
      why: "One line for each new file. The name begins as EventBridge's console expects it.",
      source: "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html",
      properties: {
        LogGroupName: logGroup,
        RetentionInDays: 365,
        ...(kmsKeyArn !== undefined && { KmsKeyId: kmsKeyArn }),
        ...tagsOf(site),
      },
      isRetained: true,
    },
    EventbridgeLogPolicy: {
      type: "AWS::Logs::ResourcePolicy",
      why: "EventBridge writes to log groups by their policy alone; a role on the target is refused.",
      source: TO_LOGS,
      properties: {
        PolicyName: site.nameOf("eventbridge"),
        PolicyDocument: new Policy([
          {
            sid: "AllowLogStreams",
            why: "EventBridge makes a stream in this group. It does not name the rule then, so only another account can be refused, and only if one is named.",
            source: TO_LOGS,
            principal,
            actions: ["logs:CreateLogStream"],
            resources: [`${arn}:*`],
            conditions: ofThisAccountIfNamed(site),
          },
          {
            sid: "AllowEvents",
            why: "Lines come from the rule of this template, whose ARN names the account.",
            source: TO_LOGS,
            principal,
            actions: ["logs:PutLogEvents"],
            resources: [`${arn}:*`],
            conditions: { ...ofThisAccountIfNamed(site), ArnEquals: { "aws:SourceArn": ruleArn } },
          },
        ]),
      },
      dependsOn: ["EventbridgeLogGroup"],
    },
    ...createDeadLetterQueue(site, {
      logicalId: "EventbridgeDeadLetterQueue",
      purpose: "eventbridge-undelivered",
      ruleArn,
    }),
    EventbridgeRule: { ...rule, dependsOn: ["EventbridgeLogPolicy"] },
  };
}

function createForwarding(site: Site, busArn: string): Record<string, Resource> {
  const ruleArn = fileRuleArn(site, "eventbridge-bus");
  return {
    ...createDeadLetterQueue(site, {
      logicalId: "EventbridgeBusDeadLetterQueue",
      purpose: "eventbridge-bus-undelivered",
      ruleArn,
    }),
    EventbridgeBusRole: createRole(site, {
      purpose: "eventbridge-bus",
      why: "EventBridge passes events to the other bus, and does nothing else.",
      source: BUS_TO_BUS,
      trusts: [
        trustService(site, "events", {
          why: "EventBridge assumes the role for the rule of this template.",
          source:
            "https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html",
          sourceArn: ruleArn,
        }),
      ],
      statements: [
        {
          sid: "PassEvents",
          why: "EventBridge passes one event for each new file.",
          source: BUS_TO_BUS,
          actions: ["events:PutEvents"],
          resources: [busArn],
        },
      ],
    }),
    EventbridgeBusRule: createFileRule(site, {
      purpose: "eventbridge-bus",
      why: "Passes new files to the other bus.",
      hearer: "bus",
      target: {
        Id: "bus",
        Arn: busArn,
        RoleArn: getAtt("EventbridgeBusRole", "Arn"),
        DeadLetterConfig: { Arn: getAtt("EventbridgeBusDeadLetterQueue", "Arn") },
      },
    }),
  };
}

/** Where GuardDuty's gate is shut the rules wait for the results of scans, so that these are kept too. */
function createArchive(site: Site, archiveDays: number): Resource {
  const created = { source: ["aws.s3"], detail: { bucket: { name: [site.bucket] } } };
  const scanned = { source: ["aws.guardduty"], detail: { s3ObjectDetails: { bucketName: [site.bucket] } } };
  return {
    type: "AWS::Events::Archive",
    why: "Keeps the bucket's events, so that a rule that is made or mended later can get them again.",
    source: ARCHIVE,
    properties: {
      ArchiveName: site.nameOf("events", 48),
      SourceArn: site.arn("events", "event-bus/default"),
      EventPattern: new FreeForm("json", site.isGated ? { $or: [created, scanned] } : created),
      RetentionDays: archiveDays,
    },
  };
}
