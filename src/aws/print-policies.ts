import type { Configuration } from "./generate-configuration.ts";
import { Policy } from "./policy.ts";
import type { Resource } from "./template.ts";
import type { Properties, Value } from "./value.ts";

/**
 * The policies alone, as JSON for whoever makes resources by other means: `buckets` by bucket name, `roles` by role name
 * with `trust`, `access` and `managed`, and `others` (queues, topics) by logical id. Ids that AWS makes up while it
 * deploys stand as CloudFormation's functions.
 */
export function printPolicies({ template }: Configuration): string {
  const buckets: Record<string, Value> = {};
  const roles: Record<string, Value> = {};
  const others: Record<string, Value> = {};
  for (const [logicalId, { type, properties }] of Object.entries(template.resources)) {
    if (type === "AWS::IAM::Role") roles[properties.RoleName as string] = toRoleJson(properties);
    else if (type === "AWS::S3::BucketPolicy") buckets[properties.Bucket as string] = toJson(properties.PolicyDocument);
    else Object.assign(others, toOther(logicalId, properties));
  }
  return `${JSON.stringify({ buckets, roles, others }, undefined, 2)}\n`;
}

function toRoleJson(properties: Resource["properties"]): Properties {
  const { AssumeRolePolicyDocument, Policies, ManagedPolicyArns, PermissionsBoundary } = properties;
  const [inline] = (Policies ?? []) as { PolicyDocument: Value }[];
  return {
    trust: toJson(AssumeRolePolicyDocument),
    ...(inline !== undefined && { access: toJson(inline.PolicyDocument) }),
    ...(ManagedPolicyArns !== undefined && { managed: ManagedPolicyArns }),
    ...(PermissionsBoundary !== undefined && { boundary: PermissionsBoundary }),
  };
}

function toOther(logicalId: string, properties: Properties): Properties {
  const policy = Object.values(properties).find((value) => value instanceof Policy);
  return policy === undefined ? {} : { [logicalId]: policy.toJson() };
}

function toJson(value: Value | undefined): Properties {
  if (!(value instanceof Policy)) throw new Error("a policy is missing");
  return value.toJson();
}
