import type { Properties, Value } from "./value.ts";

/** One resource of a CloudFormation template. */
export interface Resource {
  /** As CloudFormation names it: `AWS::S3::Bucket`. */
  readonly type: string;
  /** Why it is there: one or two sentences, printed above it. */
  readonly why: string;
  /** The AWS document it follows. */
  readonly source: string;
  readonly properties: Properties;
  /** Logical ids of what must exist first and is not referred to. */
  readonly dependsOn?: readonly string[];
  /** Kept when the stack is deleted or the resource replaced: whatever holds data. */
  readonly isRetained?: boolean;
}

/** What the stack tells whoever deploys it. */
export interface Output {
  readonly description: string;
  readonly value: Value;
}

/** A CloudFormation template, in the order in which it is printed. */
export interface Template {
  readonly description: string;
  /** Assertions that CloudFormation checks before it touches anything. */
  readonly rules: Readonly<Record<string, { readonly assert: Value; readonly description: string }>>;
  /** By logical id (letters and digits). */
  readonly resources: Readonly<Record<string, Resource>>;
  readonly outputs: Readonly<Record<string, Output>>;
}

/** The value of an attribute of another resource. */
export function getAtt(logicalId: string, attribute: string): Value {
  return { "Fn::GetAtt": [logicalId, attribute] };
}

/** What identifies another resource: for most its name or id. */
export function ref(logicalId: string): Value {
  return { Ref: logicalId };
}

/** A text with `${LogicalId}` or `${LogicalId.Attribute}` in it. */
export function sub(text: string): Value {
  return { "Fn::Sub": text };
}
