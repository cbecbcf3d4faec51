import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What an attribute holds: `[kind]` is a list or set, `{"*": kind}` a map, any other object a structure. */
type Kind = "string" | "number" | "boolean" | readonly [Kind] | { readonly [name: string]: Kind };

interface ResourceSchema {
  readonly attributes: { readonly [name: string]: Kind };
  /** Attributes that can be read and not said. */
  readonly computed: readonly string[];
}

type Body = Readonly<Record<string, unknown>>;

/**
 * The providers' own schemas of the types that the generator prints, a type a line: hashicorp/awscc 1.106.0, as the
 * command `terraform providers schema -json` tells it and cdktn-provider-awscc 1.8.0 (PyPI) is generated from it; of
 * hashicorp/aws 6 what is used of aws_cloudformation_stack, from its page in the provider's documentation.
 */
const SCHEMAS: ReadonlyMap<string, ResourceSchema> = new Map(
  readFileSync(join(import.meta.dirname, "terraform-schema.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as ResourceSchema & { readonly type: string })
    .map(({ type, ...schema }) => [type, schema]),
);

/** Arguments that Terraform itself reads in every resource. */
const META_ARGUMENTS: ReadonlySet<string> = new Set(["//", "depends_on", "lifecycle"]);

/**
 * What of a configuration in Terraform's JSON the providers would refuse, a sentence each: unknown types and attributes,
 * values of another kind, references to what is not there. Needs no provider and no network.
 */
export function findTerraformBreaches(text: string): string[] {
  const document = JSON.parse(text) as { resource: Record<string, Record<string, Body>>; output: Body };
  const blocks = Object.entries(document.resource).flatMap(([type, ofType]) =>
    Object.entries(ofType).map(([name, body]) => ({ type, address: `${type}.${name}`, body })),
  );
  const addresses = new Map(blocks.map(({ type, address }) => [address, SCHEMAS.get(type)]));
  return [
    ...blocks.flatMap(({ type, address, body }) => {
      const schema = SCHEMAS.get(type);
      if (schema === undefined) return [`${address}: there is no resource type ${type}`];
      const said = Object.entries(body).filter(([name]) => !META_ARGUMENTS.has(name));
      const unmet = ((body.depends_on ?? []) as string[]).filter((one) => !addresses.has(one));
      return [
        ...checkStructure(Object.fromEntries(said), schema.attributes, address),
        ...unmet.map((one) => `${address}: there is no resource ${one}`),
        ...findDangling(Object.fromEntries(said), addresses).map((one) => `${address}: ${one}`),
      ];
    }),
    ...findDangling(document.output, addresses).map((one) => `output: ${one}`),
  ];
}

function checkStructure(body: Body, attributes: { readonly [name: string]: Kind }, path: string): string[] {
  return Object.entries(body).flatMap(([name, value]) => {
    const kind = attributes[name];
    return kind === undefined ? [`${path}: there is no attribute ${name}`] : checkValue(value, kind, `${path}.${name}`);
  });
}

function checkValue(value: unknown, kind: Kind, path: string): string[] {
  if (typeof kind === "string") {
    const isReference = typeof value === "string" && value.startsWith("${");
    return typeof value === kind || isReference ? [] : [`${path} is no ${kind}`];
  }
  if (isList(kind)) {
    if (!Array.isArray(value)) return [`${path} is no list`];
    return value.flatMap((one, at) => checkValue(one, kind[0], `${path}[${at}]`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path} is no object`];
  const element = kind["*"];
  if (element === undefined) return checkStructure(value as Body, kind, path);
  return Object.entries(value).flatMap(([key, one]) => checkValue(one, element, `${path}.${key}`));
}

function isList(kind: Kind): kind is readonly [Kind] {
  return Array.isArray(kind);
}

/** Expressions whose resource or attribute is not there. */
function findDangling(value: unknown, addresses: ReadonlyMap<string, ResourceSchema | undefined>): string[] {
  if (typeof value === "object" && value !== null) {
    return Object.values(value).flatMap((one) => findDangling(one, addresses));
  }
  if (typeof value !== "string") return [];
  return [...value.matchAll(/(?<!\$)\$\{([^}]*)\}/g)].flatMap(([, expression = ""]) => {
    const [type, name, attribute = ""] = expression.split(".");
    const schema = addresses.get(`${type}.${name}`);
    if (schema === undefined) return [`there is no resource for ${expression}`];
    const isKnown = Object.hasOwn(schema.attributes, attribute) || schema.computed.includes(attribute);
    return isKnown ? [] : [`there is no attribute for ${expression}`];
  });
}
