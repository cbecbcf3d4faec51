import type { Configuration } from "./generate-configuration.ts";
import { Policy } from "./policy.ts";
import type { Resource, Template } from "./template.ts";
import { FreeForm, Leaf, type Properties, type Value } from "./value.ts";

/**
 * The configuration as Terraform's JSON for the `awscc` provider, whose resources are generated from the same schemas as
 * CloudFormation's: `AWS::S3::Bucket` is `awscc_s3_bucket`, `BucketName` is `bucket_name`. Policies and other open JSON
 * are strings there; why each resource and statement is there stands under `//`, Terraform's comment.
 */
export function printTerraform({ template, site }: Configuration): string {
  const resource: Record<string, Record<string, Value>> = {};
  for (const [logicalId, one] of Object.entries(template.resources)) {
    const type = toTerraformType(one.type);
    resource[type] = { ...resource[type], [toAttribute(logicalId)]: toBlock(template, one) };
  }
  const document = {
    "//": template.description,
    terraform: { required_providers: { awscc: { source: "hashicorp/awscc", version: ">= 1.60.0" } } },
    provider: { awscc: { region: site.region } },
    resource,
    output: Object.fromEntries(
      Object.entries(template.outputs).map(([name, { description, value }]) => [
        toAttribute(name),
        { description, value: toTerraform(template, value) },
      ]),
    ),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** `AWS::S3::BucketPolicy` is `awscc_s3_bucket_policy`. */
export function toTerraformType(type: string): string {
  const [, service = "", name = ""] = type.split("::");
  return `awscc_${service.toLowerCase()}_${toAttribute(name)}`;
}

/**
 * The provider's own rule for names, odd corners included (`MFAEnabled` is `mfa_enabled`, `S3Key` is `s3_key`):
 * https://github.com/hashicorp/terraform-provider-awscc/blob/main/internal/naming/naming.go
 */
export function toAttribute(property: string): string {
  const name = property
    .replaceAll("CloudFormation", "Cloudformation")
    .replaceAll("CloudFront", "Cloudfront")
    .replaceAll("CloudWatch", "Cloudwatch")
    .replaceAll("FSx", "Fsx");
  return [...name]
    .map((letter, index) => {
      const next = name[index + 1] ?? "";
      const spelt = /[A-Za-z0-9]/.test(letter) ? letter.toLowerCase() : "_";
      if (isCapital(letter)) return /[a-z]/.test(next) && isCapital(name[index - 1] ?? "") ? `_${spelt}` : spelt;
      if (/[a-z]/.test(letter)) return /[A-Z0-9]/.test(next) ? `${spelt}_` : spelt;
      return /\d/.test(letter) && /[A-Za-z]/.test(next) ? `${spelt}_` : spelt;
    })
    .join("");
}

function isCapital(letter: string): boolean {
  return /^[A-Z]$/.test(letter);
}

function toBlock(template: Template, resource: Resource): Properties {
  const { properties, dependsOn = [], isRetained } = resource;
  return {
    "//": toComment(resource),
    ...Object.fromEntries(
      Object.entries(properties).map(([name, value]) => [toAttribute(name), toTerraform(template, value)]),
    ),
    ...(dependsOn.length > 0 && { depends_on: dependsOn.map((logicalId) => toAddress(template, logicalId)) }),
    ...(isRetained && { lifecycle: { prevent_destroy: true } }),
  };
}

/** Why the resource and each statement of its policies is there. */
function toComment({ why, source, properties }: Resource): Value {
  return [`${why} ${source}`, ...policiesIn(properties).flatMap(toReasons)];
}

function toReasons({ statements }: Policy): string[] {
  return statements.map(({ sid, why, source }) => `${sid}: ${why} ${source}`);
}

function policiesIn(value: Value): Policy[] {
  if (value instanceof Policy) return [value];
  if (typeof value !== "object" || value instanceof Leaf) return [];
  return Object.values(value).flatMap((one) => policiesIn(one as Value));
}

function toTerraform(template: Template, value: Value): Value {
  if (typeof value === "string") return escapeDollar(value);
  if (typeof value !== "object") return value;
  if (value instanceof FreeForm && value.kind === "map")
    return mapValues(value.content, (one) => toTerraform(template, one));
  if (value instanceof Leaf) return JSON.stringify(mapValues(value.toJson(), (one) => resolve(template, one)));
  if (Array.isArray(value)) return value.map((one) => toTerraform(template, one));
  const reference = toReference(template, value as Properties);
  if (reference !== undefined) return reference;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [toAttribute(key), toTerraform(template, one as Value)]),
  );
}

/** Inside of a JSON string: keys are content, references are still resolved. */
function resolve(template: Template, value: Value): Value {
  if (typeof value === "string") return escapeDollar(value);
  if (typeof value !== "object") return value;
  if (value instanceof Leaf) return resolve(template, value.toJson());
  if (Array.isArray(value)) return value.map((one) => resolve(template, one));
  return toReference(template, value as Properties) ?? mapValues(value as Properties, (one) => resolve(template, one));
}

/** An intrinsic function as Terraform's expression; undefined for a plain object. */
function toReference(template: Template, value: Properties): string | undefined {
  const [name, argument] = Object.entries(value)[0] ?? [];
  if (name === "Ref") return `\${${toAddress(template, argument as string)}.id}`;
  if (name === "Fn::GetAtt") {
    const [logicalId, attribute] = argument as unknown as [string, string];
    return `\${${toAddress(template, logicalId)}.${attribute.split(".").map(toAttribute).join(".")}}`;
  }
  if (name !== "Fn::Sub") return undefined;
  return (argument as string).replaceAll(/\$\{([^}]+)\}/g, (_, target: string) => {
    const [logicalId = "", ...attribute] = target.split(".");
    return `\${${[toAddress(template, logicalId), ...(attribute.length > 0 ? attribute.map(toAttribute) : ["id"])].join(".")}}`;
  });
}

function toAddress(template: Template, logicalId: string): string {
  const resource = template.resources[logicalId];
  if (resource === undefined) throw new Error(`there is no resource ${logicalId}`);
  return `${toTerraformType(resource.type)}.${toAttribute(logicalId)}`;
}

/** A `${` that is content: policy variables such as `${aws:username}`. */
function escapeDollar(text: string): string {
  return text.replaceAll("${", () => "$${");
}

function mapValues(object: Properties, change: (value: Value) => Value): Properties {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}
