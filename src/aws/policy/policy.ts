import { Leaf, type Properties, type Value } from "../template/value.ts";

/** `{operator: {key: values}}`, as in the policy language. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, Value>>>>;

interface StatementText {
  /** Letters and digits, unique in its policy. */
  readonly sid: string;
  /** The reason for the statement: one or two sentences, printed above it. */
  readonly why: string;
  /** The AWS document that the statement follows. */
  readonly source: string;
  readonly actions: readonly string[];
  /** ARNs; left out only in trust policies, where the role is the resource. */
  readonly resources?: readonly Value[];
  readonly conditions?: Conditions;
}

/** The principals that a resource or trust policy lets in: never everyone. */
export type Principal =
  | { readonly services: readonly string[] }
  | { readonly roles: readonly Value[] }
  /** ARN of an OIDC provider. */
  | { readonly federated: string }
  /** Whoever comes by the VPC endpoint that carries the policy, which narrows what others allow and gives nobody a right. */
  | { readonly through: "endpoint" };

/** Actions that somebody may do: what a statement means unless it says `Deny`. A role's own policy has no principal: the role is the principal. */
export interface AllowStatement extends StatementText {
  readonly effect?: "Allow";
  readonly principal?: Principal;
}

/** Actions that nobody may do who meets the conditions, whatever else allows them. Only this kind may name everyone. */
export interface DenyStatement extends StatementText {
  readonly effect: "Deny";
  readonly principal?: Principal | "everyone";
}

/** One statement of a policy. */
export type Statement = AllowStatement | DenyStatement;

/** A policy document in a template: it keeps the reasons of its statements until it is printed. */
export class Policy extends Leaf {
  readonly statements: readonly Statement[];

  constructor(statements: readonly Statement[]) {
    super();
    this.statements = statements;
  }

  override toJson(): Properties {
    return { Version: "2012-10-17", Statement: this.statements.map(toStatementJson) };
  }
}

/** The statement in IAM's JSON. A list of one becomes its only member, as AWS answers it. */
export function toStatementJson(statement: Statement): Properties {
  const { sid, effect = "Allow", principal, actions, resources, conditions } = statement;
  return {
    Sid: sid,
    Effect: effect,
    ...(principal !== undefined && { Principal: toPrincipalJson(principal) }),
    Action: oneOrMany(actions),
    ...(resources !== undefined && { Resource: oneOrMany(resources) }),
    ...(conditions !== undefined && { Condition: conditions }),
  };
}

function toPrincipalJson(principal: Principal | "everyone"): Value {
  if (principal === "everyone") return "*";
  if ("services" in principal) return { Service: oneOrMany(principal.services) };
  if ("roles" in principal) return { AWS: oneOrMany(principal.roles) };
  if ("through" in principal) return "*";
  return { Federated: principal.federated };
}

function oneOrMany(values: readonly Value[]): Value {
  return values.length === 1 ? (values[0] as Value) : values;
}

/** All policies within a value, in its order. */
export function findPolicies(value: Value | undefined): Policy[] {
  if (value instanceof Policy) return [value];
  if (value === undefined || typeof value !== "object" || value instanceof Leaf) return [];
  return Object.values(value).flatMap((one) => findPolicies(one as Value));
}
