import type { Configuration } from "../generate-configuration.ts";
import { createConsumerPolicy } from "../policy/consumers.ts";
import { findPolicies, type Policy } from "../policy/policy.ts";
import { createEndpointPolicy } from "../template/gateway-endpoint.ts";
import type { Properties, Value } from "../template/value.ts";

/**
 * The policies alone, as JSON for people who make resources by other means: `buckets` by bucket name, `roles` by role name
 * with `trust`, `access`, `managed` and `boundary`, `functions` by the function's ARN, `others` (queues, topics, keys) by
 * logical id, `consumers` (what another account attaches to its role) by name, and `endpoints` (of VPC endpoints that exist) by id. Ids that AWS makes up while it deploys are written as CloudFormation's functions. Throws for a resource with
 * more policies than have a place here, so that none is left out.
 */
export function printPolicies(configuration: Configuration): string {
  const { template, site, consumers } = configuration;
  const buckets: Record<string, Value> = {};
  const roles: Record<string, Value> = {};
  const functions: Record<string, Properties[]> = {};
  const others: Record<string, Value> = {};
  for (const [logicalId, { type, properties }] of Object.entries(template.resources)) {
    const policies = findPolicies(properties);
    if (type === "AWS::IAM::Role") roles[properties.RoleName as string] = toRoleJson(properties);
    else if (type === "AWS::Lambda::Permission") {
      const name = properties.FunctionName as string;
      functions[name] = [...(functions[name] ?? []), toPermissionJson(logicalId, properties)];
    } else if (type === "AWS::S3::BucketPolicy") buckets[properties.Bucket as string] = onlyOne(policies).toJson();
    else if (policies.length > 0) others[logicalId] = onlyOne(policies).toJson();
  }
  const elsewhere = {
    consumers: Object.fromEntries(
      consumers.map((consumer) => [consumer.name, createConsumerPolicy(site, consumer).toJson()]),
    ),
    endpoints: toEndpointDocuments(configuration),
  };
  const document = { buckets, roles, functions: toDocuments(functions), others, ...elsewhere };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function toEndpointDocuments({ site, settings: { network }, buckets }: Configuration): Properties {
  const { gatewayEndpoint } = network;
  if (typeof gatewayEndpoint !== "string") return {};
  return { [gatewayEndpoint]: createEndpointPolicy(site, network, buckets).toJson() };
}

function toRoleJson(properties: Properties): Properties {
  const { AssumeRolePolicyDocument: trust, Policies: inline } = properties;
  const { ManagedPolicyArns: managed, PermissionsBoundary: boundary } = properties;
  const access = findPolicies(inline);
  return {
    trust: onlyOne(findPolicies(trust)).toJson(),
    ...(access.length > 0 && { access: onlyOne(access).toJson() }),
    ...(managed !== undefined && { managed }),
    ...(boundary !== undefined && { boundary }),
  };
}

/** Lambda writes such a permission as a statement of the function's policy, so this does, too. */
function toPermissionJson(logicalId: string, properties: Properties): Properties {
  const { Action, Principal, FunctionName, SourceArn, SourceAccount } = properties;
  return {
    Sid: logicalId,
    Effect: "Allow",
    Principal: { Service: Principal as Value },
    Action: Action as Value,
    Resource: FunctionName as Value,
    Condition: {
      ...(SourceAccount !== undefined && { StringEquals: { "aws:SourceAccount": SourceAccount } }),
      ...(SourceArn !== undefined && { ArnLike: { "aws:SourceArn": SourceArn } }),
    },
  };
}

function toDocuments(statements: Readonly<Record<string, readonly Properties[]>>): Properties {
  const toDocument = (Statement: readonly Properties[]): Properties => ({ Version: "2012-10-17", Statement });
  return Object.fromEntries(Object.entries(statements).map(([name, ofOne]) => [name, toDocument(ofOne)]));
}

function onlyOne(policies: readonly Policy[]): Policy {
  const [policy, ...more] = policies;
  if (policy === undefined || more.length > 0)
    throw new Error(`there are ${policies.length} policies where one belongs`);
  return policy;
}
