import { z } from "zod";
import type { Statement } from "../../policy/policy.ts";
import { createRole, tagsOf, trustService } from "../../policy/role.ts";
import { createScanGate } from "../../policy/scan-gate.ts";
import { SettingsProblem } from "../../settings/settings-problem.ts";
import type { Site } from "../../template/site.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const ROLE = "https://docs.aws.amazon.com/guardduty/latest/ug/malware-protection-s3-iam-policy-prerequisite.html";
const PLAN = "https://docs.aws.amazon.com/guardduty/latest/ug/gdu-malware-protection-s3.html";
/** https://docs.aws.amazon.com/guardduty/latest/ug/malware-protection-s3-quotas-guardduty.html */
const PREFIXES_MAX = 5;
const SERVICE = "malware-protection-plan.guardduty";

const OPTIONS = z.strictObject({
  prefixes: z
    .array(z.string().min(1).max(1024))
    .min(1)
    .max(PREFIXES_MAX)
    .optional()
    .meta({ description: "Prefixes to scan; Sluice's own when left out.", examples: [["files/", "external/"]] }),
  gate: z
    .boolean()
    .default(true)
    .describe("Whether to refuse reads of files that have not been found clean. `false` only scans and tags."),
});

/** Prefixes below which the gate is shut, by checked settings: none without GuardDuty, or where it scans and tags alone. */
export function listGatedPrefixes({
  services,
  keyPrefix,
}: {
  readonly services: Readonly<Record<string, unknown>>;
  readonly keyPrefix: string;
}): readonly string[] {
  const options = services.guardduty as z.output<typeof OPTIONS> | undefined;
  return options?.gate === true ? (options.prefixes ?? [keyPrefix]) : [];
}

/** Malware Protection for S3: every new file is scanned and tagged, and read by nobody before it is found clean. */
export const GUARDDUTY = defineService({
  name: "guardduty",
  title: "Amazon GuardDuty Malware Protection for S3",
  gets: "a role that scans and tags every new file; until the tag says clean, the bucket refuses to give the file out",
  road: ["role", "bucket policy"],
  source: PLAN,
  options: OPTIONS,
  findProblems(site) {
    const parts = site.gatedPrefixes.filter((prefix) => prefix.startsWith(site.keyPrefix) && prefix !== site.keyPrefix);
    if (parts.length === 0 || site.isGated) return [];
    const sentence = `the gate is for all files or for none, and ${parts.join(", ")} is a part of ${site.keyPrefix}: below it keys are opaque, and rules that tell of files could not tell the parts apart; name ${site.keyPrefix}, or say gate: false`;
    return [new SettingsProblem(sentence, ["services", "guardduty", "prefixes"])];
  },
  connect(site, { prefixes = [site.keyPrefix], gate }) {
    return {
      resources: {
        GuarddutyRole: createRole(site, {
          purpose: "guardduty",
          why: "GuardDuty is told of new files, scans them and tags them with the result.",
          source: ROLE,
          trusts: [
            trustService(site, SERVICE, {
              why: "Malware Protection plans of this account assume the role.",
              source: ROLE,
              isUndocumented: true,
            }),
          ],
          statements: [...createEventStatements(site), ...createScanStatements(site, prefixes)],
        }),
        GuarddutyPlan: {
          type: "AWS::GuardDuty::MalwareProtectionPlan",
          why: "Scans every new object below the prefixes. This works without a GuardDuty detector, which the account may or may not have.",
          source: PLAN,
          properties: {
            Role: getAtt("GuarddutyRole", "Arn"),
            ProtectedResource: { S3Bucket: { BucketName: site.bucket, ObjectPrefixes: prefixes } },
            Actions: { Tagging: { Status: "ENABLED" } },
            ...tagsOf(site),
          },
          dependsOn: ["DataBucketPolicy"],
        },
      },
      ...(gate && {
        bucketStatements: createScanGate({
          ...{ bucketArn: site.bucketArn, prefixes, scanner: site.roleArn("guardduty") },
          readers: [site.roleArn("write")],
        }),
      }),
      outputs: {
        GuarddutyPlanId: {
          description: "id of the Malware Protection plan",
          value: getAtt("GuarddutyPlan", "MalwareProtectionPlanId"),
        },
      },
      notes: [
        "Findings need a GuardDuty detector; without one, results are the tag and the EventBridge event `GuardDuty Malware Protection Object Scan Result`.",
        "GuardDuty writes one object of its own beside the files, malware-protection-resource-validation-object, to test its role.",
        ...(gate
          ? [
              "A file can be read some seconds to minutes after its commit, when its scan is done. Files from before the plan have no tag and cannot be read until they are scanned on demand. Neither can files that GuardDuty cannot scan (too large, encrypted archives): start with `gate: false` on a bucket that has files.",
              "Sluice's write role passes the gate by requests of its own, never by a URL it signs: commits HEAD the object, and checksums are read back. To bind ReadFile as well, let the service read under the read role: SLUICE_S3_READ_ROLE_ARN, which `sluice config env` prints. Without it ReadFile gives out files that have not been scanned.",
            ]
          : []),
      ],
    };
  },
});

/** EventBridge tells GuardDuty of new files, by a rule that GuardDuty manages itself. */
function createEventStatements(site: Site): Statement[] {
  const rules = [site.arn("events", "rule/DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*")];
  return [
    {
      sid: "ManageOwnRule",
      why: "GuardDuty manages the rule that tells it of new files, and no other rule.",
      source: ROLE,
      actions: ["events:PutRule", "events:DeleteRule", "events:PutTargets", "events:RemoveTargets"],
      resources: rules,
      conditions: { StringLike: { "events:ManagedBy": site.principal(SERVICE) } },
    },
    {
      sid: "SeeOwnRule",
      why: "GuardDuty checks that its rule still exists.",
      source: ROLE,
      actions: ["events:DescribeRule", "events:ListTargetsByRule"],
      resources: rules,
    },
    {
      sid: "EnableEvents",
      why: "GuardDuty makes sure that the bucket sends events to EventBridge.",
      source: ROLE,
      actions: ["s3:GetBucketNotification", "s3:PutBucketNotification"],
      resources: [site.bucketArn],
    },
  ];
}

function createScanStatements(site: Site, prefixes: readonly string[]): Statement[] {
  const objects = prefixes.map((prefix) => site.objects(prefix));
  return [
    {
      sid: "ScanFiles",
      why: "GuardDuty reads the bytes that it scans.",
      source: ROLE,
      actions: ["s3:GetObject", "s3:GetObjectVersion"],
      resources: objects,
    },
    {
      sid: "TagFiles",
      why: "The result is a tag of the scanned version.",
      source: ROLE,
      actions: [
        ...["s3:PutObjectTagging", "s3:GetObjectTagging"],
        ...["s3:PutObjectVersionTagging", "s3:GetObjectVersionTagging"],
      ],
      resources: objects,
    },
    {
      sid: "CheckOwnership",
      why: "GuardDuty checks who owns the bucket. There is no prefix condition, because the check names no prefix.",
      source: ROLE,
      actions: ["s3:ListBucket"],
      resources: [site.bucketArn],
    },
    {
      sid: "PutValidationObject",
      why: "One object with a name of its own shows that the role works.",
      source: ROLE,
      actions: ["s3:PutObject"],
      resources: [`${site.bucketArn}/malware-protection-resource-validation-object`],
    },
  ];
}
