import type { Configuration } from "../../generate-configuration.ts";
import { findPolicies } from "../../policy/policy.ts";
import type { Resource } from "../../template/template.ts";
import type { Value } from "../../template/value.ts";
import { toCanonicalFacet, withoutAwsTags } from "../comparison/canonical-facet.ts";
import { BUCKET_FACETS, type BucketFacet } from "../comparison/live-facets.ts";
import type { Plain, PlainMap } from "../comparison/plain.ts";
import { type ExpectedStatement, toLiteral, toStatements } from "./expected-statement.ts";
import { toRevert } from "./revert.ts";

/** A bucket of the template, with its expected properties. */
export interface ExpectedBucket {
  readonly name: string;
  readonly facets: Readonly<Partial<Record<BucketFacet, Plain>>>;
  /** Statements of the bucket's policy; none when the template has no policy for it. */
  readonly statements: readonly ExpectedStatement[];
  /** Properties that no facet can read. */
  readonly unread: readonly string[];
  /** Title of an AWS service that is switched on and may add inventories of its own; undefined when there is none. */
  readonly inventoriesBy: string | undefined;
  /** The mends that bring the bucket, and its policy, back to what was generated. */
  readonly revert: string;
  readonly revertPolicy: string;
}

/** A role of the template, with its expected properties. */
export interface ExpectedRole {
  readonly name: string;
  readonly why: string;
  readonly trust: readonly ExpectedStatement[];
  readonly policies: readonly { readonly name: string; readonly statements: readonly ExpectedStatement[] }[];
  readonly managedPolicyArns: readonly Plain[];
  /** Boundary, tags, path, longest session, and the description if the template has one. */
  readonly record: PlainMap;
  /** The mend that brings the role back to what was generated. */
  readonly revert: string;
}

/** IAM's values for a role that does not state them. */
const ROLE_DEFAULTS = { Path: "/", MaxSessionDuration: 3600 };

/** Buckets and roles that the configuration makes, in the template's order, with literal texts wherever they are known. */
export function toExpectedSite(configuration: Configuration): { buckets: ExpectedBucket[]; roles: ExpectedRole[] } {
  const resources = Object.entries(configuration.template.resources);
  const ofType = (type: string) => resources.filter(([, resource]) => resource.type === type);
  return {
    buckets: ofType("AWS::S3::Bucket").map((bucket) => toExpectedBucket(configuration, bucket)),
    roles: ofType("AWS::IAM::Role").map((role) => toExpectedRole(configuration, role)),
  };
}

function toExpectedBucket(
  configuration: Configuration,
  [logicalId, { properties }]: readonly [string, Resource],
): ExpectedBucket {
  const { BucketName, ObjectLockEnabled: _, ...others } = toProperties(configuration, properties);
  const [policyId = logicalId, policy] =
    Object.entries(configuration.template.resources).find(
      ([, one]) =>
        one.type === "AWS::S3::BucketPolicy" && toLiteral(configuration, one.properties.Bucket) === BucketName,
    ) ?? [];
  const keys = Object.keys(others);
  const facets = keys.flatMap((key) => {
    const value = isFacet(key) ? toCanonicalFacet(key, others[key]) : undefined;
    return value === undefined ? [] : [[key, value] as const];
  });
  return {
    name: String(BucketName),
    facets: Object.fromEntries(facets),
    statements: toStatements(configuration, policy?.properties.PolicyDocument),
    unread: keys.filter((key) => !isFacet(key)),
    inventoriesBy: BucketName === configuration.site.bucket ? findInventorist(configuration) : undefined,
    revert: toRevert(configuration, logicalId),
    revertPolicy: toRevert(configuration, policyId),
  };
}

function toExpectedRole(
  configuration: Configuration,
  [logicalId, { why, properties }]: readonly [string, Resource],
): ExpectedRole {
  const { AssumeRolePolicyDocument: trust, Policies: policies = [], ...plain } = properties;
  const { RoleName, ManagedPolicyArns = [], Tags, ...record } = toProperties(configuration, plain);
  const tags = withoutAwsTags(Tags);
  return {
    name: String(RoleName),
    why,
    trust: toStatements(configuration, trust),
    policies: (policies as { PolicyName: string; PolicyDocument: Value }[]).map(({ PolicyName, PolicyDocument }) => ({
      name: PolicyName,
      statements: toStatements(configuration, PolicyDocument),
    })),
    managedPolicyArns: ManagedPolicyArns as Plain[],
    record: { ...ROLE_DEFAULTS, ...record, ...(tags !== undefined && { Tags: tags }) },
    revert: toRevert(configuration, logicalId),
  };
}

/** The service whose role may write the inventories of the bucket, for those that it adds itself. */
function findInventorist({ connections }: Configuration): string | undefined {
  const mayAdd = (resource: Resource) =>
    findPolicies(resource.properties).some(({ statements }) =>
      statements.some(({ actions }) => actions.includes("s3:PutInventoryConfiguration")),
    );
  return connections.find(({ connection }) => Object.values(connection.resources ?? {}).some(mayAdd))?.service.title;
}

function isFacet(key: string): key is BucketFacet {
  return key in BUCKET_FACETS;
}

function toProperties(configuration: Configuration, properties: Resource["properties"]): PlainMap {
  return toLiteral(configuration, properties) as PlainMap;
}
