import type { Configuration } from "../generate-configuration.ts";
import type { Site } from "../template/site.ts";
import type { Properties } from "../template/value.ts";
import { SCAN_RESULT, type Scenario, type Step } from "./scenario.ts";
import { ask } from "./sluice-roads.ts";

/** Rules that tell of files, and whom. All read files but the log, which only says that one came. */
const HEARERS: Readonly<Record<string, string>> = {
  EventbridgeBusRule: "the other event bus",
  LambdaRule: "the Lambda function",
  OpensearchIngestionRule: "the queue of OpenSearch pipelines",
  SnsRule: "the topic",
  SqsRule: "the queue",
  StepFunctionsRule: "the state machine",
};

/** Who is told of a file, and when: where the gate is shut, not before the file may be read. */
export function listEventRoads(configuration: Configuration): Scenario[] {
  const { site, template } = configuration;
  const isShut = site.isGated;
  const file = `${site.keyPrefix}a`;
  const tell = (rule: string, event: Properties): Step[] => [{ rule, event }];
  const roads = Object.entries(HEARERS).flatMap(([rule, who]): Scenario[] => {
    if (template.resources[rule] === undefined) return [];
    return [
      {
        road: `${who} hears of a file as soon as it was written`,
        isOpen: !isShut,
        steps: tell(rule, createdEvent(site, file)),
      },
      {
        road: `${who} hears that a file was found clean`,
        isOpen: isShut,
        steps: tell(rule, scanEvent(site, { key: file, result: "NO_THREATS_FOUND" })),
      },
      {
        road: `${who} hears that a threat was found in a file`,
        isOpen: false,
        steps: tell(rule, scanEvent(site, { key: file, result: "THREATS_FOUND" })),
      },
      {
        road: `${who} hears of what an AWS service wrote`,
        isOpen: false,
        steps: tell(rule, createdEvent(site, `${site.externalPrefix}a`)),
      },
      {
        road: `${who} hears that a file of another bucket was found clean`,
        isOpen: false,
        steps: tell(rule, scanEvent(site, { key: file, result: "NO_THREATS_FOUND", bucket: "another" })),
      },
    ];
  });
  return [...roads, ...listFunctionRoads(configuration, isShut), ...listLogRoads(configuration)];
}

/** The whole road of one file: told of, and read by what was told. */
function listFunctionRoads({ site, settings, template }: Configuration, isShut: boolean): Scenario[] {
  const { functionArn } = (settings.services.lambda ?? {}) as { functionArn?: string };
  if (functionArn === undefined || template.resources.LambdaRule === undefined) return [];
  const file = `${site.keyPrefix}a`;
  const call: Step = {
    principal: site.principal("events"),
    action: "lambda:InvokeFunction",
    resource: functionArn,
    says: { "aws:SourceArn": site.arn("events", `rule/${site.nameOf("lambda")}`) },
  };
  const readNow = (result: string | undefined) =>
    ask(site, ["lambda", "s3:GetObject", file], { [SCAN_RESULT]: result });
  return [
    {
      road: "the Lambda function is called for the first event after which a file may be read, and reads it",
      isOpen: true,
      steps: isShut
        ? [
            { rule: "LambdaRule", event: scanEvent(site, { key: file, result: "NO_THREATS_FOUND" }) },
            call,
            readNow("NO_THREATS_FOUND"),
          ]
        : [{ rule: "LambdaRule", event: createdEvent(site, file) }, call, readNow(undefined)],
    },
  ];
}

function listLogRoads({ site, template }: Configuration): Scenario[] {
  if (template.resources.EventbridgeRule === undefined) return [];
  return [
    {
      road: "the log of new files records a file as soon as it was written",
      isOpen: true,
      steps: [{ rule: "EventbridgeRule", event: createdEvent(site, `${site.keyPrefix}a`) }],
    },
  ];
}

/** Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
function createdEvent(site: Site, key: string): Properties {
  return {
    source: "aws.s3",
    "detail-type": "Object Created",
    detail: { bucket: { name: site.bucket }, object: { key, "version-id": "v1" } },
  };
}

/** Source: https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html */
function scanEvent(
  site: Site,
  { key, result, bucket = site.bucket }: { key: string; result: string; bucket?: string },
): Properties {
  return {
    source: "aws.guardduty",
    "detail-type": "GuardDuty Malware Protection Object Scan Result",
    detail: {
      scanStatus: "COMPLETED",
      resourceType: "S3_OBJECT",
      s3ObjectDetails: { bucketName: bucket, objectKey: key, versionId: "v1" },
      scanResultDetails: { scanResultStatus: result },
    },
  };
}
