import { loadAwsServiceSpecSync } from "@aws-cdk/aws-service-spec";
import { Policy } from "../../../aws/policy/policy.ts";
import type { Template } from "../../../aws/template/template.ts";
import { FreeForm, Leaf, type Properties, type Value } from "../../../aws/template/value.ts";

type Spec = ReturnType<typeof loadAwsServiceSpecSync>;

/** Properties of a resource or of a part of one, as AWS's specification of resources has them. */
type PropertySpecs = Readonly<Record<string, { readonly type: TypeSpec; readonly required?: boolean }>>;

type TypeSpec =
  | { readonly type: "string" | "number" | "integer" | "boolean" | "date-time" | "null" }
  | { readonly type: "json" }
  | { readonly type: "tag" }
  | { readonly type: "array" | "map"; readonly element: TypeSpec }
  | { readonly type: "union"; readonly types: readonly TypeSpec[] }
  | { readonly type: "ref"; readonly reference: { readonly $ref: string } };

const TAG: PropertySpecs = {
  Key: { type: { type: "string" }, required: true },
  Value: { type: { type: "string" }, required: true },
};

let spec: Spec | undefined;

/**
 * What of a template AWS's specification of CloudFormation resources does not have, a sentence each: unknown types and
 * properties, properties that are required and missing, values of another shape. The specification comes with the
 * package @aws-cdk/aws-service-spec; nothing is fetched. Intrinsic functions stand for any value. Open JSON and maps must
 * stand as leaves, and structures must not: formats other than CloudFormation respell the keys of structures alone.
 */
export function findSpecBreaches(template: Template): string[] {
  spec ??= loadAwsServiceSpecSync();
  return Object.entries(template.resources).flatMap(([logicalId, { type, properties }]) => {
    const [known] = (spec as Spec).lookup("resource", "cloudFormationType", "equals", type);
    if (known === undefined) return [`${logicalId}: there is no resource type ${type}`];
    return checkProperties(known.properties, properties, logicalId);
  });
}

/**
 * What `Ref` gives for a type and what identifies it in Cloud Control, as names of properties. Where both are the same
 * single property, whoever asks Cloud Control has the same id.
 */
export function lookUpIdentity(type: string): { readonly ref: readonly string[]; readonly primary: readonly string[] } {
  spec ??= loadAwsServiceSpecSync();
  const [{ primaryIdentifier = [], cfnRefIdentifier = primaryIdentifier } = {}] = spec.lookup(
    "resource",
    "cloudFormationType",
    "equals",
    type,
  );
  return { ref: cfnRefIdentifier, primary: primaryIdentifier };
}

function checkProperties(specs: PropertySpecs, properties: Properties, path: string): string[] {
  const missing = Object.entries(specs).filter(([name, { required }]) => required && properties[name] === undefined);
  return [
    ...missing.map(([name]) => `${path}: ${name} is missing`),
    ...Object.entries(properties).flatMap(([name, value]) => {
      const known = specs[name];
      return known === undefined
        ? [`${path}: there is no property ${name}`]
        : checkValue(known.type, value, `${path}.${name}`);
    }),
  ];
}

function checkValue(type: TypeSpec, said: Value, path: string): string[] {
  const value = said instanceof Leaf ? said.toJson() : said;
  if (isIntrinsic(value)) return [];
  switch (type.type) {
    case "json":
      return typeof value !== "object" || said instanceof Policy || isFreeForm(said, "json")
        ? []
        : [`${path} is open JSON and stands as no leaf of it`];
    case "array":
      if (!Array.isArray(value)) return [`${path} is no list`];
      return value.flatMap((one, at) => checkValue(type.element, one, `${path}[${at}]`));
    case "map":
      if (!isMap(value)) return [`${path} is no map`];
      if (!isFreeForm(said, "map")) return [`${path} is a map and stands as no leaf of it`];
      return Object.entries(value).flatMap(([key, one]) => checkValue(type.element, one, `${path}.${key}`));
    case "tag":
      return isMap(said) ? checkProperties(TAG, said, path) : [`${path} is no tag`];
    case "ref": {
      if (said instanceof Leaf) return [`${path} is a structure and stands as a leaf`];
      if (!isMap(said)) return [`${path} is no map`];
      const { properties } = (spec as Spec).get("typeDefinition", type.reference.$ref);
      return checkProperties(properties, said, path);
    }
    case "union":
      return checkUnion(type.types, said, path);
    default:
      return typeof value === "object" ? [`${path} is no ${type.type}`] : [];
  }
}

/** One of the types must fit; where none does, what speaks against the one that fits best. */
function checkUnion(types: readonly TypeSpec[], value: Value, path: string): string[] {
  const [best = []] = types.map((one) => checkValue(one, value, path)).sort((one, other) => one.length - other.length);
  return best;
}

function isMap(value: Value): value is Properties {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Leaf);
}

function isFreeForm(value: Value, kind: FreeForm["kind"]): boolean {
  return value instanceof FreeForm && value.kind === kind;
}

function isIntrinsic(value: Value): boolean {
  if (!isMap(value)) return false;
  const [name = "", ...more] = Object.keys(value);
  return more.length === 0 && (name === "Ref" || name.startsWith("Fn::"));
}
