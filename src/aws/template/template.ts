import type { Properties, Value } from "./value.ts";

/** One resource of a CloudFormation template. */
export interface Resource {
  /** The type in CloudFormation's form: `AWS::S3::Bucket`. */
  readonly type: string;
  /** The reason for the resource: one or two sentences, printed above it. */
  readonly why: string;
  /** The AWS document that the resource follows. */
  readonly source: string;
  readonly properties: Properties;
  /** Logical ids of resources that must exist first and that the properties do not refer to. */
  readonly dependsOn?: readonly string[];
  /** Whether the resource is kept when the stack is deleted or the resource is replaced: true for all that hold data. */
  readonly isRetained?: boolean;
  /** Was there before the stack, so that CloudFormation deletes it in no case. */
  readonly isImported?: boolean;
}

/** An output of the stack for the person who deploys it. */
export interface Output {
  readonly description: string;
  readonly value: Value;
}

/** A CloudFormation template, in the order in which it is printed. */
export interface Template {
  readonly description: string;
  /** The only comment that is printed, in place of the reason of each resource and statement; those when left out. */
  readonly comment?: string;
  /** Assertions that CloudFormation checks before it touches anything. */
  readonly rules: Readonly<Record<string, { readonly assert: Value; readonly description: string }>>;
  /** Resources by logical id (letters and digits). */
  readonly resources: Readonly<Record<string, Resource>>;
  readonly outputs: Readonly<Record<string, Output>>;
}

/**
 * What CloudFormation does with a retained resource. One that the failed operation itself has made is deleted with it: it
 * holds nothing yet, and its name would be taken when the deployment is tried again.
 * Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
 */
export function toRetention({ isRetained, isImported }: Pick<Resource, "isRetained" | "isImported">): Properties {
  if (!isRetained) return {};
  return { DeletionPolicy: isImported ? "Retain" : "RetainExceptOnCreate", UpdateReplacePolicy: "Retain" };
}

/** The value of an attribute of another resource. */
export function getAtt(logicalId: string, attribute: string): Value {
  return { "Fn::GetAtt": [logicalId, attribute] };
}

/** The identifier of another resource: for most types its name or id. */
export function ref(logicalId: string): Value {
  return { Ref: logicalId };
}

/** A text with `${LogicalId}` or `${LogicalId.Attribute}` in it. */
export function sub(text: string): Value {
  return { "Fn::Sub": text };
}
