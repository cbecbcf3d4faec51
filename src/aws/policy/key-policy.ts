import type { PolicyStatement } from "../services/aws-service.ts";
import type { Site } from "../template/site.ts";

/** In a key's policy "*" is that key. */
export const KEY_ITSELF = ["*"];

/** Every key of the template has this statement first. */
export function administerKey(site: Site): PolicyStatement {
  return {
    sid: "AdministerTheKey",
    why: "The account's own policies decide who may administer the key. These actions do not use the key.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    principal: { roles: [site.arn("iam", "root", { region: "" })] },
    actions: [
      ...["kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:ListKeyPolicies"],
      ...["kms:EnableKey", "kms:DisableKey", "kms:UpdateKeyDescription", "kms:ListGrants", "kms:RevokeGrant"],
      ...["kms:EnableKeyRotation", "kms:DisableKeyRotation", "kms:GetKeyRotationStatus"],
      ...["kms:TagResource", "kms:UntagResource", "kms:ListResourceTags"],
      ...["kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"],
    ],
    resources: KEY_ITSELF,
  };
}

/** Every key of the template has this statement last. */
export const DENY_GRANTS: PolicyStatement = {
  sid: "DenyGrantsToOthers",
  why: "Grants on the key are made by AWS services alone.",
  source: "https://docs.aws.amazon.com/kms/latest/developerguide/grants.html",
  effect: "Deny",
  principal: "everyone",
  actions: ["kms:CreateGrant"],
  resources: KEY_ITSELF,
  conditions: { BoolIfExists: { "kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "false" } },
};
