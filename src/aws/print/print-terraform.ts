import type { Configuration } from "../generate-configuration.ts";
import { findPolicies, type Policy } from "../policy/policy.ts";
import type { Site } from "../template/site.ts";
import { type Output, type Resource, type Template, toRetention } from "../template/template.ts";
import type { Properties, Value } from "../template/value.ts";
import { toAttribute } from "./terraform-names.ts";
import {
  escapeTemplate,
  IDENTITY,
  isStacked,
  STACKED,
  toAddress,
  toTerraformContent,
  toTerraformValue,
} from "./terraform-values.ts";

/** Version of the awscc provider whose schema the tests compare with; postconditions and `region` need the others. */
const REQUIRED = {
  required_version: ">= 1.2.0",
  required_providers: {
    awscc: { source: "hashicorp/awscc", version: ">= 1.106.0" },
    aws: { source: "hashicorp/aws", version: ">= 6.0.0" },
  },
};

/** Most characters of a line in a file without reasons, as far as its values can be told apart by lines. */
const LINE_LENGTH = 110;

/** CloudFormation's pseudo parameters in Terraform: attributes of data sources. */
const PSEUDO_PARAMETERS: Readonly<Record<string, readonly [source: string, attribute: string]>> = {
  "AWS::Region": ["aws_region", "region"],
  "AWS::AccountId": ["aws_caller_identity", "account_id"],
};

/**
 * The configuration as Terraform's JSON for the `awscc` provider, whose resources are generated from the same schemas as
 * CloudFormation's: `AWS::S3::Bucket` is `awscc_s3_bucket`, `BucketName` is `bucket_name`. Policies and other open JSON are
 * strings there. The reason of each resource and statement is under `//`, Terraform's comment, unless the template has one
 * comment in place of these. Throws for anything that has
 * no counterpart, so that nothing is left out.
 */
export function printTerraform({ template, site }: Pick<Configuration, "template" | "site">): string {
  const resource: Record<string, Record<string, Value>> = {};
  for (const [logicalId, one] of Object.entries(template.resources)) {
    const [type = "", name = ""] = toAddress(template, logicalId).split(".");
    const body = isStacked(one.type) ? toStack(template, site, logicalId) : toBody(template, one.properties);
    resource[type] = { ...resource[type], [name]: toBlock(template, one, body) };
  }
  const document = {
    "//": template.comment === undefined ? template.description : `${template.description}. ${template.comment}`,
    terraform: REQUIRED,
    provider: { awscc: { region: site.region }, aws: { region: site.region } },
    data: toAssertions(template.rules),
    resource,
    output: toOutputs(template),
  };
  const text = template.comment === undefined ? JSON.stringify(document, undefined, 2) : toShortJson(document);
  return `${text}\n`;
}

/** JSON in which what is short stands in one line. */
function toShortJson(value: unknown, indent = ""): string {
  const line = JSON.stringify(value);
  if (typeof value !== "object" || value === null || line.length + indent.length <= LINE_LENGTH) return line;
  const within = `${indent}  `;
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const members = Array.isArray(value)
    ? value.map((one) => toShortJson(one, within))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${toShortJson(one, within)}`);
  return `${open}\n${members.map((member) => `${within}${member}`).join(",\n")}\n${indent}${close}`;
}

function toBody(template: Template, properties: Properties): Properties {
  return toTerraformValue(template, properties) as Properties;
}

/** Name of the stack of one resource: the bucket's name and the resource's id, in the letters that stacks allow. */
export function toStackName(site: Site, logicalId: string): string {
  return `sluice-${site.bucket}-${toAttribute(logicalId)}`.replaceAll(/[^A-Za-z0-9]+/g, "-");
}

/** A stack with this one resource. */
function toStack(template: Template, site: Site, logicalId: string): Properties {
  const resource = template.resources[logicalId] as Resource;
  const { type, properties } = resource;
  const outputs = (STACKED[type] as readonly string[]).map((name) => [
    name,
    // Here `Fn::GetAtt` and `Ref` point into the stack itself: CloudFormation resolves them, not Terraform.
    { Value: { "Fn::GetAtt": [logicalId, name] } },
  ]);
  const stack = {
    AWSTemplateFormatVersion: "2010-09-09",
    Resources: {
      [logicalId]: {
        Type: type,
        ...toRetention(resource),
        Properties: toTerraformContent(template, properties),
      },
    },
    Outputs: { [IDENTITY]: { Value: { Ref: logicalId } }, ...Object.fromEntries(outputs) },
  };
  return { name: toStackName(site, logicalId), template_body: JSON.stringify(stack) };
}

function toBlock(template: Template, resource: Resource, body: Properties): Properties {
  const { dependsOn = [], isRetained } = resource;
  return {
    ...(template.comment === undefined && { "//": toComment(resource) }),
    ...body,
    ...(dependsOn.length > 0 && { depends_on: dependsOn.map((logicalId) => toAddress(template, logicalId)) }),
    ...(isRetained && { lifecycle: { prevent_destroy: true } }),
  };
}

/** The reasons of the resource and of each statement in its policies. */
function toComment({ type, why, source, properties }: Resource): Value {
  return [
    `${why} ${source}`,
    ...(isStacked(type) ? [`In a CloudFormation stack of its own: the awscc provider has no ${type}.`] : []),
    ...findPolicies(properties).flatMap(toReasons),
  ];
}

function toReasons({ statements }: Policy): string[] {
  return statements.map(({ sid, why, source }) => `${sid}: ${why} ${source}`);
}

/** CloudFormation's rules as postconditions of data sources: Terraform reads these first, and they stop the plan. */
function toAssertions(rules: Template["rules"]): Properties {
  const data: Record<string, Record<string, Value>> = {};
  for (const [name, { assert, description }] of Object.entries(rules)) {
    const [values = [], subject = {}] = (assert as { "Fn::Contains"?: [string[], Properties] })["Fn::Contains"] ?? [];
    const [source, attribute] = PSEUDO_PARAMETERS[subject.Ref as string] ?? [];
    if (source === undefined) throw new Error(`rule ${name} has no counterpart in Terraform`);
    const condition = `\${contains(${JSON.stringify(values)}, self.${attribute})}`;
    const postcondition = { condition, error_message: escapeTemplate(description) };
    data[source] = { ...data[source], [toAttribute(name)]: { lifecycle: { postcondition } } };
  }
  return data;
}

function toOutputs(template: Template): Properties {
  const toOutput = ({ description, value }: Output): Properties => ({
    description: escapeTemplate(description),
    value: toTerraformValue(template, value),
  });
  return Object.fromEntries(Object.entries(template.outputs).map(([name, one]) => [toAttribute(name), toOutput(one)]));
}
