import { tagsOf } from "../policy/role.ts";
import type { Site } from "../template/site.ts";
import type { Resource } from "../template/template.ts";
import { FreeForm, type Properties } from "../template/value.ts";

/** The plan of a rule. */
export interface FileRulePlan {
  /** Last part of its name: `Site.nameOf(purpose)`; `fileRuleArn` gives the ARN for the target's policy. */
  readonly purpose: string;
  readonly why: string;
  /** One target: `{Id, Arn}` and the properties that its kind needs (`RoleArn`). */
  readonly target: Properties;
  /**
   * `reader` (when left out): the target reads the file, and hears of it when it may. `bus`: the same, but the event is passed
   * on as it came. `record`: the target only keeps that a file came, and hears of it at once.
   */
  readonly hearer?: "reader" | "bus" | "record";
  /** Size in bytes that a reader is told where the event knows none. */
  readonly unknownSize?: number;
}

const CREATED = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html";
const SCANNED = "https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html";

/**
 * An EventBridge rule that routes every new file (an object created under Sluice's own prefix) to one target. Any number
 * of rules may listen to the same files, which direct notifications of S3 may not. Where files are read only once GuardDuty
 * found them clean, the rule waits for that result, and tells of the file in the form in which S3 does.
 */
export function createFileRule(site: Site, plan: FileRulePlan): Resource {
  const { purpose, why, target, hearer = "reader", unknownSize } = plan;
  const isAwaited = site.isGated && hearer !== "record";
  const isReshaped = isAwaited && hearer === "reader";
  return {
    type: "AWS::Events::Rule",
    why: isAwaited ? `${why} Not before GuardDuty found the file clean: until then nobody may read it.` : why,
    source: isAwaited ? SCANNED : CREATED,
    properties: {
      Name: site.nameOf(purpose),
      EventPattern: new FreeForm("json", isAwaited ? toCleanPattern(site) : toCreatedPattern(site)),
      Targets: [isReshaped ? { ...target, InputTransformer: toCreatedEvent(site, unknownSize) } : target],
      ...tagsOf(site),
    },
  };
}

/** What whoever hears of files must know of GuardDuty's gate: for the notes of a service. */
export function noteGate(site: Site, hearing: "eventbridge" | "direct" | "bus"): string[] {
  if (!site.isGated) return [];
  switch (hearing) {
    case "direct":
      return [
        "Direct delivery does not wait for GuardDuty: S3 tells of a file as soon as it was written, and GuardDuty's gate refuses to give it out until it was found clean. Let the consumer try again later, or take delivery by EventBridge, which tells of clean files alone.",
      ];
    case "bus":
      return [
        "The other bus gets GuardDuty's event of each file that was found clean (source aws.guardduty), not S3's event of its creation: nobody may read the file before.",
      ];
    case "eventbridge":
      return [
        "A file is told of once GuardDuty found it clean, in the form of S3's Object Created event without the file's size; what is not found clean is never told of. The tag by which the gate opens may follow the event by a moment: let the consumer try again when a read is refused.",
      ];
  }
}

function toCreatedPattern(site: Site): Properties {
  return {
    source: ["aws.s3"],
    "detail-type": ["Object Created"],
    detail: { bucket: { name: [site.bucket] }, object: { key: [{ prefix: site.keyPrefix }] } },
  };
}

/** Source: https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html */
function toCleanPattern(site: Site): Properties {
  return {
    source: ["aws.guardduty"],
    "detail-type": ["GuardDuty Malware Protection Object Scan Result"],
    detail: {
      scanStatus: ["COMPLETED"],
      resourceType: ["S3_OBJECT"],
      s3ObjectDetails: { bucketName: [site.bucket], objectKey: [{ prefix: site.keyPrefix }] },
      scanResultDetails: { scanResultStatus: ["NO_THREATS_FOUND"] },
    },
  };
}

/**
 * S3's event of the file, made of GuardDuty's: a consumer reads the same form whether the gate is there or not. Keys are
 * Sluice's own and have no quotes, which EventBridge would not escape.
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
function toCreatedEvent(site: Site, unknownSize: number | undefined): Properties {
  const object = { key: "<key>", etag: "<etag>", "version-id": "<version>" };
  return {
    InputPathsMap: new FreeForm("map", {
      id: "$.id",
      time: "$.time",
      key: "$.detail.s3ObjectDetails.objectKey",
      etag: "$.detail.s3ObjectDetails.eTag",
      version: "$.detail.s3ObjectDetails.versionId",
    }),
    InputTemplate: JSON.stringify({
      version: "0",
      id: "<id>",
      "detail-type": "Object Created",
      source: "aws.s3",
      account: site.account,
      time: "<time>",
      region: site.region,
      resources: [site.bucketArn],
      detail: {
        version: "0",
        bucket: { name: site.bucket },
        object: { ...object, ...(unknownSize !== undefined && { size: unknownSize }) },
      },
    }),
  };
}

/** ARN of the rule of that purpose. */
export function fileRuleArn(site: Site, purpose: string): string {
  return site.arn("events", `rule/${site.nameOf(purpose)}`);
}

/** `Filter` of a direct notification of S3: new files and nothing of other writers. */
export function createFileFilter(site: Site): Properties {
  return { S3Key: { Rules: [{ Name: "prefix", Value: site.keyPrefix }] } };
}
