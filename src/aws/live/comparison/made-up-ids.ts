import { READABLE_TYPES } from "../../template/readable-types.ts";
import type { Site } from "../../template/site.ts";
import type { Template } from "../../template/template.ts";
import { isPlainMap, type Plain, type PlainMap, toList, toPlain } from "./plain.ts";

/** Takes the place, in expected texts, of an id that AWS made up while it deployed. No name or ARN has this character. */
export const MADE_UP = "\u0000";

/** Matches an id, but never a wildcard: a wildcard would let in more than the one id that was made up. */
const MADE_UP_PATTERN = "[^*?]+";

/**
 * Replaces the intrinsic functions of a template's value by literal texts: names and ARNs that follow from the template are
 * known, and an id that AWS makes up becomes MADE_UP.
 */
export function resolveIntrinsics({ site, template }: { site: Site; template: Template }, value: Plain): Plain {
  const resolve = (one: Plain): Plain => {
    if (Array.isArray(one)) return one.map(resolve);
    if (!isPlainMap(one)) return one;
    const [[name, argument] = [], ...more] = Object.entries(one);
    const isIntrinsic = more.length === 0 && name !== undefined && (name === "Ref" || name.startsWith("Fn::"));
    if (isIntrinsic) return resolveFunction({ site, template }, name, argument as Plain);
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, resolve(inner)]));
  };
  return resolve(value);
}

/** Whether a live text is the expected one, with any id at the place of one that AWS made up. */
export function isExpectedText(expected: string, actual: string): boolean {
  if (!expected.includes(MADE_UP)) return expected === actual;
  const parts = expected.split(MADE_UP).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(MADE_UP_PATTERN)}$`, "s").test(actual);
}

/** The value in a form that can be printed, with a sign for each id that AWS made up. */
export function toReadable(value: Plain): Plain {
  return JSON.parse(JSON.stringify(value).replaceAll(JSON.stringify(MADE_UP).slice(1, -1), "(made up by AWS)"));
}

function resolveFunction(configuration: { site: Site; template: Template }, name: string, argument: Plain): Plain {
  switch (name) {
    case "Ref":
      return toKnown(configuration, String(argument));
    case "Fn::GetAtt":
      return toKnown(configuration, toList(argument).join("."));
    case "Fn::Sub": {
      const [text, variables] = toList(argument);
      return substitute(configuration, String(text), isPlainMap(variables) ? variables : {});
    }
    case "Fn::Join": {
      const [separator, parts] = toList(argument);
      return toList(resolveIntrinsics(configuration, parts ?? [])).join(String(separator));
    }
    default:
      return MADE_UP;
  }
}

function substitute(configuration: { site: Site; template: Template }, text: string, variables: PlainMap): string {
  return text.replace(/\$\{(!?)([^{}]+)\}/g, (_, literal: string, name: string) => {
    if (literal !== "") return `\${${name}}`;
    const said = variables[name];
    return String(said === undefined ? toKnown(configuration, name) : resolveIntrinsics(configuration, said));
  });
}

/** The value of `LogicalId` or `LogicalId.Attribute`. */
function toKnown({ site, template }: { site: Site; template: Template }, reference: string): string {
  const pseudo: Readonly<Record<string, string>> = {
    "AWS::Region": site.region,
    "AWS::AccountId": site.account,
    "AWS::Partition": site.partition,
    "AWS::URLSuffix": site.dnsSuffix,
  };
  const [logicalId = "", attribute] = reference.split(".");
  const { type = "", properties = {} } = template.resources[logicalId] ?? {};
  const { found, arn } = READABLE_TYPES[type] ?? {};
  if (attribute === undefined && found?.by === "identifier") return found.of(site, toPlain(properties) as PlainMap);
  if (attribute !== undefined && /Arn$|ARN$/.test(attribute) && arn !== undefined) {
    return arn(site, toPlain(properties) as PlainMap, MADE_UP);
  }
  const name = toPlain(type === "AWS::IAM::Role" ? properties.RoleName : properties.BucketName);
  const isNamed = typeof name === "string" && (type === "AWS::IAM::Role" || type === "AWS::S3::Bucket");
  if (!isNamed) return pseudo[reference] ?? MADE_UP;
  if (attribute === undefined) return name;
  if (attribute !== "Arn") return MADE_UP;
  if (type === "AWS::S3::Bucket") return site.arn("s3", name, { region: "", account: "" });
  return site.arn("iam", `role/${name}`, { region: "" });
}
