import { administerKey, DENY_GRANTS, KEY_ITSELF } from "../policy/key-policy.ts";
import { throughS3 } from "../policy/key-use.ts";
import { findForeignArn } from "../policy/local-arn.ts";
import { Policy } from "../policy/policy.ts";
import { tagsOf } from "../policy/role.ts";
import type { PolicyStatement } from "../services/aws-service.ts";
import type { Settings } from "../settings/settings.ts";
import type { SettingsProblem } from "../settings/settings-problem.ts";
import type { Site } from "./site.ts";
import type { Resource } from "./template.ts";

const DELETION_DAYS = 30; // KMS's longest wait
const KEY_POLICIES = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html";

/** What is wrong with a key of one's own: S3 takes one of the bucket's region, and roles are told of one of their account. */
export function findKeyProblems(site: Site, { encryption }: Settings): SettingsProblem[] {
  const keyArn = encryption.startsWith("arn:") ? encryption : undefined;
  return findForeignArn(site, keyArn, { path: ["encryption"] });
}

/** The KMS key of the files, where the settings ask for one. `added` is for services that have no role here. */
export function createDataKey(
  site: Site,
  { encryption }: Settings,
  added: { statements: readonly PolicyStatement[]; dependsOn: readonly string[] },
): Record<string, Resource> {
  if (encryption !== "kms") return {};
  const files: PolicyStatement = {
    sid: "AllowRolesThroughS3",
    why: "Roles of the account use the key where their own policies allow it: through S3, and for the bucket of files.",
    source: KEY_POLICIES,
    principal: { roles: [site.arn("iam", "root", { region: "" })] },
    actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
    resources: KEY_ITSELF,
    conditions: throughS3(site, site.bucketArn),
  };
  return {
    DataKey: {
      type: "AWS::KMS::Key",
      why: "Encrypts the files. Without it they cannot be read, so that it outlives the stack and waits before it is deleted.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
      properties: {
        Description: `Files of bucket ${site.bucket}`,
        EnableKeyRotation: true,
        PendingWindowInDays: DELETION_DAYS,
        KeyPolicy: new Policy([administerKey(site), files, ...added.statements, DENY_GRANTS]),
        ...tagsOf(site),
      },
      dependsOn: added.dependsOn,
      isRetained: true,
    },
  };
}
