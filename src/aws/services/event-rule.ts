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
}

/**
 * An EventBridge rule that routes every new file (an object created under Sluice's own prefix) to one target. Any number
 * of rules may listen to the same files, which direct notifications of S3 may not.
 */
export function createFileRule(site: Site, { purpose, why, target }: FileRulePlan): Resource {
  return {
    type: "AWS::Events::Rule",
    why,
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html",
    properties: {
      Name: site.nameOf(purpose),
      EventPattern: new FreeForm("json", {
        source: ["aws.s3"],
        "detail-type": ["Object Created"],
        detail: { bucket: { name: [site.bucket] }, object: { key: [{ prefix: site.keyPrefix }] } },
      }),
      Targets: [target],
      ...tagsOf(site),
    },
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
