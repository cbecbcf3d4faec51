import type { Site } from "../template/site.ts";
import type { Resource } from "../template/template.ts";
import type { Properties, Value } from "../template/value.ts";
import { createKeyUse } from "./key-use.ts";
import { type AllowStatement, type Conditions, Policy, type Principal, type Statement } from "./policy.ts";

/** The principals that may assume a role, and how. */
export interface Trust {
  readonly sid: string;
  readonly why: string;
  readonly source: string;
  readonly principal: Principal;
  /** `sts:AssumeRole` when left out. */
  readonly actions?: readonly string[];
  readonly conditions?: Conditions;
}

/** The plan of a role. */
export interface RolePlan {
  /** Last part of its name: `Site.roleName(purpose)`. */
  readonly purpose: string;
  readonly why: string;
  readonly source: string;
  readonly trusts: readonly Trust[];
  /** The role's policy, without principals; `aws:ResourceAccount` is added to every statement that allows S3 actions. */
  readonly statements: readonly Statement[];
  readonly managedPolicyArns?: readonly string[];
  /** Actions on the KMS key of files, where there is one, beside those that reading and writing need. */
  readonly keyActions?: readonly string[];
}

/**
 * The role as a resource: one inline policy named `access`, with the use of the key of files where the role needs it, the
 * permissions boundary and tags of the site.
 */
export function createRole(site: Site, plan: RolePlan): Resource {
  const { purpose, why, source, trusts, managedPolicyArns } = plan;
  const statements = [...plan.statements, ...createKeyUse(site, plan.statements, plan.keyActions)];
  return {
    type: "AWS::IAM::Role",
    why,
    source,
    properties: {
      RoleName: site.roleName(purpose),
      AssumeRolePolicyDocument: new Policy(trusts.map(toTrustStatement)),
      ...(statements.length > 0 && {
        Policies: [
          {
            PolicyName: "access",
            PolicyDocument: new Policy(statements.map((statement) => withinAccount(site, statement))),
          },
        ],
      }),
      ...(managedPolicyArns !== undefined && { ManagedPolicyArns: managedPolicyArns }),
      ...(site.permissionsBoundary !== undefined && { PermissionsBoundary: site.permissionsBoundary }),
      ...tagsOf(site),
    },
  };
}

/** `Tags` of a resource that takes a list of `{Key, Value}`; empty when the site has none. */
export function tagsOf(site: Site): Properties {
  const tags = Object.entries(site.tags).map(([Key, Value]) => ({ Key, Value }));
  return tags.length === 0 ? {} : { Tags: tags };
}

/**
 * Trust in a service, for this account alone: without `aws:SourceAccount`, another customer's resource could make the service
 * use the role (the confused deputy). `isUndocumented` means that AWS does not document that the service names its source.
 */
export function trustService(
  site: Site,
  service: string,
  options: { why: string; source: string; sourceArn?: Value | undefined; sid?: string; isUndocumented?: boolean },
): Trust {
  const { why, source, sourceArn, sid = "AssumedByTheService", isUndocumented = false } = options;
  return {
    sid,
    why,
    source,
    principal: { services: [site.principal(service)] },
    conditions: isUndocumented ? ofThisAccountIfNamed(site, sourceArn) : ofThisAccount(site, sourceArn),
  };
}

/** The conditions of a resource or trust policy that keep other accounts' resources out; `sourceArn` may hold wildcards. */
export function ofThisAccount(site: Site, sourceArn?: Value): Conditions {
  return {
    StringEquals: { "aws:SourceAccount": site.account },
    ...(sourceArn !== undefined && { ArnLike: { "aws:SourceArn": sourceArn } }),
  };
}

/**
 * The conditions for a service that does not document which source it names. When the service names another account's
 * resource, it is refused. Without `IfExists`, a service that names none could not use the statement.
 */
export function ofThisAccountIfNamed(site: Site, sourceArn?: Value): Conditions {
  return {
    StringEqualsIfExists: { "aws:SourceAccount": site.account },
    ...(sourceArn !== undefined && { ArnLikeIfExists: { "aws:SourceArn": sourceArn } }),
  };
}

/** Allows the role to read objects below a prefix. */
export function readObjects(
  site: Site,
  prefix: string,
  text: { why: string; source: string; sid?: string },
): Statement {
  return {
    sid: text.sid ?? "ReadObjects",
    why: text.why,
    source: text.source,
    actions: ["s3:GetObject"],
    resources: [site.objects(prefix)],
  };
}

/** Allows the role to list keys below a prefix. */
export function listObjects(
  site: Site,
  prefix: string,
  text: { why: string; source: string; sid?: string },
): Statement {
  return {
    sid: text.sid ?? "ListObjects",
    why: text.why,
    source: text.source,
    actions: ["s3:ListBucket"],
    resources: [site.bucketArn],
    ...(prefix !== "" && { conditions: { StringLike: { "s3:prefix": [prefix, `${prefix}*`] } } }),
  };
}

function toTrustStatement({ sid, why, source, principal, actions, conditions }: Trust): Statement {
  return {
    sid,
    why,
    source,
    principal,
    actions: actions ?? ["sts:AssumeRole"],
    ...(conditions !== undefined && { conditions }),
  };
}

/** S3 names have no account: without the condition, a bucket that was lost could belong to somebody else under the same name. */
function withinAccount(site: Site, statement: Statement): Statement {
  const isS3 = statement.effect !== "Deny" && statement.actions.every((action) => action.startsWith("s3:"));
  if (!isS3) return statement;
  const { StringEquals, ...others } = statement.conditions ?? {};
  const conditions = { StringEquals: { "aws:ResourceAccount": site.account, ...StringEquals }, ...others };
  return { ...(statement as AllowStatement), conditions };
}
