import type { Configuration } from "../../aws/generate-configuration.ts";
import { MADE_UP, resolveIntrinsics } from "../../aws/live/made-up-ids.ts";
import { type Plain, type PlainMap, toPlain } from "../../aws/live/plain.ts";
import type { Value } from "../../aws/template/value.ts";

/** Stands for every id that AWS would have made up. */
export const MADE_UP_ID = "E2MADEUP";

/** Buckets and roles that are deployed, each as `LiveAws` answers of it: by name, then by facet. */
export interface LiveSite {
  readonly buckets: Readonly<Record<string, PlainMap>>;
  readonly roles: Readonly<Record<string, PlainMap>>;
}

/** What there is once the template is deployed, ids that AWS makes up included. */
export function toLiveSite(configuration: Configuration): LiveSite {
  const { site, template, connections } = configuration;
  const buckets: Record<string, PlainMap> = {};
  for (const { bucket, region } of connections.flatMap(({ connection }) => connection.destinations ?? [])) {
    buckets[bucket] = { Region: region, VersioningConfiguration: { Status: "Enabled" } };
  }
  const roles: Record<string, PlainMap> = {};
  const resources = Object.values(template.resources).map(({ type, properties }) => ({
    type,
    properties: toDeployed(configuration, properties),
  }));
  for (const { type, properties } of resources) {
    const { BucketName, ObjectLockEnabled: _, ...facets } = properties;
    if (type === "AWS::S3::Bucket") buckets[String(BucketName)] = { Region: site.region, ...facets };
  }
  for (const { type, properties } of resources) {
    const name = String(properties.Bucket ?? properties.RoleName);
    if (type === "AWS::S3::BucketPolicy") {
      buckets[name] = { ...buckets[name], Policy: properties.PolicyDocument as Plain };
    }
    if (type === "AWS::IAM::Role") roles[name] = toLiveRole(properties);
  }
  return { buckets, roles };
}

function toLiveRole({ RoleName: _, Policies, ManagedPolicyArns, ...record }: PlainMap): PlainMap {
  return {
    Role: { Path: "/", MaxSessionDuration: 3600, ...record },
    ...(Policies !== undefined && { Policies }),
    ...(ManagedPolicyArns !== undefined && { ManagedPolicyArns }),
  };
}

function toDeployed({ site, template }: Configuration, properties: Readonly<Record<string, Value>>): PlainMap {
  const resolved = resolveIntrinsics({ site, template }, toPlain(properties) as Plain);
  return JSON.parse(JSON.stringify(resolved).replaceAll(JSON.stringify(MADE_UP).slice(1, -1), MADE_UP_ID));
}
