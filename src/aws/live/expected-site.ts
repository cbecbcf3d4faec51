import type { Configuration } from "../generate-configuration.ts";
import { findPolicies, Policy, toStatementJson } from "../policy/policy.ts";
import type { Resource } from "../template/template.ts";
import type { Value } from "../template/value.ts";
import { toCanonicalFacet, withoutAwsTags } from "./canonical-facet.ts";
import { BUCKET_FACETS, type BucketFacet } from "./live-facets.ts";
import { resolveIntrinsics } from "./made-up-ids.ts";
import { type Plain, type PlainMap, toPlain } from "./plain.ts";

/** An expected statement. */
export interface ExpectedStatement {
  readonly sid: string;
  /** The reason for the statement, from which the consequence of its loss follows. */
  readonly why: string;
  readonly json: PlainMap;
}

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
}

/** IAM's values for a role that does not state them. */
const ROLE_DEFAULTS = { Path: "/", MaxSessionDuration: 3600 };

/** Buckets and roles that the configuration makes, in the template's order, with literal texts wherever they are known. */
export function toExpectedSite(configuration: Configuration): { buckets: ExpectedBucket[]; roles: ExpectedRole[] } {
  const resources = Object.values(configuration.template.resources);
  const ofType = (type: string) => resources.filter((resource) => resource.type === type);
  const policies = ofType("AWS::S3::BucketPolicy");
  return {
    buckets: ofType("AWS::S3::Bucket").map((bucket) => toExpectedBucket(configuration, bucket, policies)),
    roles: ofType("AWS::IAM::Role").map((role) => toExpectedRole(configuration, role)),
  };
}

function toExpectedBucket(
  configuration: Configuration,
  { properties }: Resource,
  policies: readonly Resource[],
): ExpectedBucket {
  const { BucketName, ObjectLockEnabled: _, ...others } = toProperties(configuration, properties);
  const policy = policies.find((one) => toLiteral(configuration, one.properties.Bucket) === BucketName);
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
  };
}

function toExpectedRole(configuration: Configuration, { why, properties }: Resource): ExpectedRole {
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

function toStatements(configuration: Configuration, document: Value | undefined): ExpectedStatement[] {
  if (!(document instanceof Policy)) return [];
  return document.statements.map((statement) => ({
    sid: statement.sid,
    why: statement.why,
    json: toLiteral(configuration, toStatementJson(statement)) as PlainMap,
  }));
}

function toProperties(configuration: Configuration, properties: Resource["properties"]): PlainMap {
  return toLiteral(configuration, properties) as PlainMap;
}

function toLiteral(configuration: Configuration, value: Value | undefined): Plain | undefined {
  const plain = toPlain(value);
  return plain === undefined ? undefined : resolveIntrinsics(configuration, plain);
}
