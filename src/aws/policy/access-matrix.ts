import type { Configuration } from "../generate-configuration.ts";
import type { Site } from "../template/site.ts";
import type { Resource } from "../template/template.ts";
import type { Value } from "../template/value.ts";
import { join, toActionWords, toConditionWords, toResourceWords, toText } from "./access-words.ts";
import { type Conditions, findPolicies, type Principal, type Statement } from "./policy.ts";

/** One statement of the template: who may (or may not) do what, on what, and under which conditions. */
export interface AccessRow {
  readonly effect: "Allow" | "Deny";
  /**
   * `trust`: may become the role. `role`: may do it by the role's own policy. `managed`: may do it by a policy that AWS
   * keeps, whose actions are not in the template. `resource`: the resource's own policy lets it in. `endpoint`: a VPC endpoint
   * lets the request through, which gives nobody a right.
   */
  readonly kind: "trust" | "role" | "managed" | "resource" | "endpoint";
  /** Service principals, ARNs of roles, ARN of an OIDC provider; `["*"]` only in denials. */
  readonly who: readonly string[];
  readonly whoInWords: string;
  /** Logical id of the resource that carries the policy. */
  readonly via: string;
  /** The statement's `Sid`; empty when it has none. */
  readonly sid: string;
  /** Name of the service whose switch adds the statement; undefined when it is always there. */
  readonly service: string | undefined;
  readonly actions: readonly string[];
  /** ARNs. A part that AWS makes up is written `${LogicalId.Attribute}`. */
  readonly on: readonly string[];
  readonly under: Conditions;
  /** The whole row in one sentence. */
  readonly words: string;
  readonly why: string;
  /** The AWS document that the statement follows. */
  readonly source: string;
}

/** A role that the person who sets up a service gives to it, for which the person needs `iam:PassRole`. */
export interface PassedRole {
  readonly role: string;
  /** Service principal: the value of `iam:PassedToService`. */
  readonly to: string;
}

type Plain = Omit<AccessRow, "words" | "whoInWords" | "service">;

/** Every statement of every policy, read from the template and in its order: nothing is allowed that is not here. */
export function createAccessMatrix(configuration: Configuration): AccessRow[] {
  const { site, template, connections } = configuration;
  const added = new Map<unknown, string>();
  for (const { service, connection } of connections) {
    const { bucketStatements = [], logBucketStatements = [], keyStatements = [], resources = {} } = connection;
    for (const part of [...bucketStatements, ...logBucketStatements, ...keyStatements, ...Object.keys(resources)]) {
      added.set(part, service.name);
    }
  }
  return Object.entries(template.resources).flatMap(([via, resource]) =>
    listStatements(site, via, resource).map(({ statement, row }) => {
      const whoInWords = row.kind === "endpoint" ? "whoever comes by the VPC endpoint" : toWho(site, row.who);
      const service = added.get(statement) ?? added.get(via);
      return { ...row, whoInWords, service, words: toSentence(site, row, whoInWords) };
    }),
  );
}

/** Roles of the template that services take, in the template's order. */
export function listPassedRoles(configuration: Configuration): PassedRole[] {
  return createAccessMatrix(configuration)
    .filter(({ kind, effect }) => kind === "trust" && effect === "Allow")
    .flatMap(({ who, on }) =>
      who.filter((one) => /\.amazonaws\.com(\.cn)?$/.test(one)).map((to) => ({ role: on[0] as string, to })),
    );
}

/** The rows of one resource, each with the statement that it is read from (undefined when the template has none). */
function listStatements(site: Site, via: string, resource: Resource): { statement?: Statement; row: Plain }[] {
  const { type, properties } = resource;
  if (type === "AWS::Lambda::Permission") return [{ row: toPermissionRow(via, resource) }];
  const isRole = type === "AWS::IAM::Role";
  const roleArn = isRole ? site.arn("iam", `role/${toText(properties.RoleName ?? via)}`, { region: "" }) : "";
  const toRow = (statement: Statement, kind: AccessRow["kind"]): { statement: Statement; row: Plain } => ({
    statement,
    row: {
      effect: statement.effect ?? "Allow",
      kind,
      who: kind === "role" ? [roleArn] : toPrincipals(statement.principal),
      via,
      sid: statement.sid,
      actions: statement.actions,
      on: kind === "trust" ? [roleArn] : (statement.resources ?? []).map(toText),
      under: statement.conditions ?? {},
      why: statement.why,
      source: statement.source,
    },
  });
  if (!isRole) {
    const kind = type === "AWS::EC2::VPCEndpoint" ? "endpoint" : "resource";
    return findPolicies(properties).flatMap(({ statements }) => statements.map((one) => toRow(one, kind)));
  }
  const { AssumeRolePolicyDocument: trust, Policies: policies = [], ManagedPolicyArns: managed = [] } = properties;
  return [
    ...findPolicies(trust).flatMap(({ statements }) => statements.map((one) => toRow(one, "trust"))),
    ...findPolicies(policies).flatMap(({ statements }) => statements.map((one) => toRow(one, "role"))),
    ...(managed as Value[]).map((arn) => ({ row: toManagedRow(via, resource, { roleArn, policy: toText(arn) }) })),
  ];
}

/** Lambda's form of one statement in a function's policy. */
function toPermissionRow(via: string, { properties, why, source }: Resource): Plain {
  const { Action, Principal, FunctionName, SourceArn, SourceAccount } = properties;
  return {
    effect: "Allow",
    kind: "resource",
    who: [toText(Principal as Value)],
    via,
    sid: "",
    actions: [toText(Action as Value)],
    on: [toText(FunctionName as Value)],
    under: {
      ...(SourceAccount !== undefined && { StringEquals: { "aws:SourceAccount": SourceAccount } }),
      ...(SourceArn !== undefined && { ArnLike: { "aws:SourceArn": SourceArn } }),
    },
    why,
    source,
  };
}

function toManagedRow(
  via: string,
  { why, source }: Resource,
  { roleArn, policy }: { roleArn: string; policy: string },
): Plain {
  return {
    effect: "Allow",
    kind: "managed",
    who: [roleArn],
    via,
    sid: "",
    actions: [],
    on: [policy],
    under: {},
    why,
    source,
  };
}

function toPrincipals(principal: Principal | "everyone" | undefined): string[] {
  if (principal === undefined || principal === "everyone") return ["*"];
  if ("services" in principal) return [...principal.services];
  if ("roles" in principal) return principal.roles.map(toText);
  if ("through" in principal) return ["*"];
  return [principal.federated];
}

function toWho(site: Site, who: readonly string[]): string {
  const names = who.map((one) => {
    if (one === "*") return "everyone";
    if (/\.amazonaws\.com(\.cn)?$/.test(one)) return `the AWS service ${one}`;
    const role = /:role\/(.+)/.exec(one)?.[1];
    const owner = one.split(":")[4];
    if (role !== undefined) return `the role ${role}${owner === site.account ? "" : ` of account ${owner}`}`;
    const account = /^(?:arn:[a-z-]+:iam::)?(\d{12})(?::root)?$/.exec(one)?.[1];
    if (account !== undefined) return `principals of account ${account}`;
    return one.includes(":oidc-provider/") ? `holders of a token of ${one.replace(/^.*:oidc-provider\//, "")}` : one;
  });
  return join(names, "and");
}

function toSentence(site: Site, row: Plain, who: string): string {
  const clauses = toConditionWords(row.under);
  const when = clauses.length === 0 ? "" : `, ${row.effect === "Allow" ? "if" : "when"} ${join(clauses, "and")}`;
  const subject = who.replace(/^./, (letter) => letter.toUpperCase());
  const on = toResourceWords(site, row.on);
  if (row.kind === "managed") return `${subject} has the rights of the managed policy ${on}.`;
  const actions = join(row.actions.map(toActionWords), row.effect === "Allow" ? "and" : "or");
  if (row.effect === "Deny")
    return `${subject} is refused ${actions === "anything" ? actions : `to ${actions}`} on ${on}${when}.`;
  if (row.kind === "endpoint") return `${subject} is let through to ${actions} on ${on}${when}.`;
  if (row.kind !== "trust") return `${subject} may ${actions} on ${on}${when}.`;
  const tags = row.actions.includes("sts:TagSession") ? " and tag its session" : "";
  const token = row.actions.includes("sts:AssumeRoleWithWebIdentity") ? " by that token" : "";
  return `${subject} may become the role ${on.replace(/^.*:role\//, "")}${token}${tags}${when}.`;
}
