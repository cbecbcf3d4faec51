import type { Configuration } from "../../../aws/generate-configuration.ts";
import { MADE_UP, resolveIntrinsics } from "../../../aws/live/comparison/made-up-ids.ts";
import { type Plain, type PlainMap, toPlain } from "../../../aws/live/comparison/plain.ts";
import { READABLE_TYPES } from "../../../aws/template/readable-types.ts";
import type { Value } from "../../../aws/template/value.ts";

/** Stands for every id that AWS would have made up. */
export const MADE_UP_ID = "E2MADEUP";

/** What is deployed, each as `LiveAws` answers of it: buckets and roles by name, then by facet. */
export interface LiveSite {
  readonly buckets: Readonly<Record<string, PlainMap>>;
  readonly roles: Readonly<Record<string, PlainMap>>;
  /** Properties of all others by type, then by identifier. */
  readonly resources: Readonly<Record<string, Readonly<Record<string, PlainMap>>>>;
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
  return { buckets, roles, resources: toLiveResources(configuration) };
}

/** All that is no bucket and no role, with what AWS fills in. Identifiers that AWS makes up are different from each other. */
function toLiveResources(configuration: Configuration): LiveSite["resources"] {
  const resources: Record<string, Record<string, PlainMap>> = {};
  for (const [logicalId, resource] of Object.entries(configuration.template.resources)) {
    const readable = READABLE_TYPES[resource.type];
    if (readable === undefined) continue;
    const { found, defaults, writeOnly = [], shortened = [] } = readable;
    const properties = toDeployed(configuration, resource.properties);
    // A key is named by the topic that it is for, where its id is the one for all.
    const madeUp = found.by === "reference" ? MADE_UP_ID : `${MADE_UP_ID}-${logicalId}`;
    const identifier = found.by === "identifier" ? found.of(configuration.site, properties) : madeUp;
    const kept = Object.entries({ ...(defaults as PlainMap), ...properties }).flatMap(([key, value]) => {
      if (writeOnly.includes(key) && key !== "FunctionName") return [];
      return [[key, shortened.includes(key) ? String(value).replace(/^.*\//, "") : value] as const];
    });
    const { S3BucketArn, Subdirectory } = properties;
    const LocationUri = `s3://${String(S3BucketArn).split(":").at(-1)}${Subdirectory}`;
    const own = S3BucketArn === undefined ? {} : { LocationUri };
    resources[resource.type] = { ...resources[resource.type], [identifier]: { ...Object.fromEntries(kept), ...own } };
  }
  return resources;
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
