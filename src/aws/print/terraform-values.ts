import type { Template } from "../template/template.ts";
import { FreeForm, Leaf, type Properties, type Value } from "../template/value.ts";
import { toAttribute, toTerraformType } from "./terraform-names.ts";

/**
 * Types that the awscc provider lacks, with the attributes that their stack outputs besides the identifying one. A separate
 * CloudFormation stack makes them, with the same properties as in the template.
 * - Distribution: its generated resource breaks the provider and is left out:
 *   https://github.com/hashicorp/terraform-provider-awscc/issues/3194. Cloud Control refuses to update one without a
 *   certificate of its own: https://github.com/hashicorp/terraform-provider-awscc/issues/983.
 * - Lake Formation's resource: the type is of before the registry, which the provider is generated from.
 */
export const STACKED: Readonly<Record<string, readonly string[]>> = {
  "AWS::CloudFront::Distribution": ["DomainName"],
  "AWS::LakeFormation::Resource": [],
};

/** Name of the output of such a stack that identifies the resource. */
export const IDENTITY = "Identity";

/**
 * A value as an attribute of the awscc provider: names respelled, open JSON and policies as strings, intrinsic functions
 * as expressions. Throws for a function that has no expression here, and for a reference to nothing.
 */
export function toTerraformValue(template: Template, value: Value): Value {
  if (typeof value === "string") return escapeTemplate(value);
  if (typeof value !== "object") return value;
  if (value instanceof FreeForm && value.kind === "map") {
    return mapEntries(value.content, escapeTemplate, (one) => toTerraformValue(template, one));
  }
  if (value instanceof Leaf) return JSON.stringify(toTerraformContent(template, value));
  if (Array.isArray(value)) return value.map((one) => toTerraformValue(template, one));
  const properties = value as Properties;
  return (
    toExpression(template, properties) ?? mapEntries(properties, toAttribute, (one) => toTerraformValue(template, one))
  );
}

/** A value whose keys are content, as in open JSON: no key is respelled, and intrinsic functions are expressions. */
export function toTerraformContent(template: Template, value: Value): Value {
  if (typeof value === "string") return escapeTemplate(value);
  if (typeof value !== "object") return value;
  if (value instanceof Leaf) return toTerraformContent(template, value.toJson());
  if (Array.isArray(value)) return value.map((one) => toTerraformContent(template, one));
  const properties = value as Properties;
  return (
    toExpression(template, properties) ??
    mapEntries(properties, escapeTemplate, (one) => toTerraformContent(template, one))
  );
}

/** The address of a resource in Terraform: `awscc_s3_bucket.data_bucket`. Throws when the template has none of that name. */
export function toAddress(template: Template, logicalId: string): string {
  const resource = template.resources[logicalId];
  if (resource === undefined) throw new Error(`there is no resource ${logicalId} to refer to`);
  const type = isStacked(resource.type) ? "aws_cloudformation_stack" : toTerraformType(resource.type);
  return `${type}.${toAttribute(logicalId)}`;
}

/** Whether a separate stack makes the type. */
export function isStacked(type: string): boolean {
  return Object.hasOwn(STACKED, type);
}

/** Escapes a text in which `${` and `%{` are content (policy variables such as `${aws:username}`), not Terraform's. */
export function escapeTemplate(text: string): string {
  return text.replaceAll(/[$%]\{/g, (mark) => `${mark[0]}${mark}`);
}

/** An intrinsic function as an expression; undefined for a plain object. */
function toExpression(template: Template, value: Properties): string | undefined {
  const [[name, argument] = [], ...more] = Object.entries(value);
  if (name === undefined || more.length > 0 || !(name === "Ref" || name.startsWith("Fn::"))) return undefined;
  switch (name) {
    case "Ref":
      return `\${${toReference(template, argument as string)}}`;
    case "Fn::GetAtt": {
      const [logicalId, attribute] = argument as readonly [string, string];
      return `\${${toReference(template, logicalId, attribute)}}`;
    }
    case "Fn::Sub":
      return toInterpolation(template, argument as string);
    default:
      throw new Error(`${name} has no expression in Terraform here`);
  }
}

/**
 * For every type that is referred to, `Ref` gives the `id`: the provider's id is the primary identifier, which for these
 * types is a single property and the one that CloudFormation gives.
 */
function toReference(template: Template, logicalId: string, attribute?: string): string {
  const address = toAddress(template, logicalId);
  const { type = "" } = template.resources[logicalId] ?? {};
  if (!isStacked(type)) {
    return `${address}.${attribute === undefined ? "id" : attribute.split(".").map(toAttribute).join(".")}`;
  }
  if (attribute !== undefined && !STACKED[type]?.includes(attribute)) {
    throw new Error(`the stack of ${logicalId} has no output ${attribute}`);
  }
  return `${address}.outputs.${attribute ?? IDENTITY}`;
}

/** `${Id}` and `${Id.Attribute}` are references; `${!text}` is the text `${text}`. */
function toInterpolation(template: Template, text: string): string {
  return text
    .split(/(\$\{[^{}]*\})/)
    .map((part, index) => {
      if (index % 2 === 0) return escapeTemplate(part);
      const target = part.slice(2, -1);
      if (target.startsWith("!")) return escapeTemplate(`\${${target.slice(1)}}`);
      const [logicalId = "", ...attribute] = target.split(".");
      return `\${${toReference(template, logicalId, attribute.length === 0 ? undefined : attribute.join("."))}}`;
    })
    .join("");
}

function mapEntries(object: Properties, spell: (key: string) => string, change: (value: Value) => Value): Properties {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [spell(key), change(value)]));
}
