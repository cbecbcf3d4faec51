import type { Site } from "../template/site.ts";
import type { Properties, Value } from "../template/value.ts";
import type { Conditions } from "./policy.ts";

/** Actions whose names tell less than they mean. */
const ACTIONS: Readonly<Record<string, string>> = {
  "s3:GetObject": "read objects",
  "s3:GetObjectVersion": "read versions of objects",
  "s3:PutObject": "write objects",
  "s3:DeleteObject": "delete objects",
  "s3:DeleteObjectVersion": "delete versions of objects for good",
  "s3:PutObjectLegalHold": "set and lift legal holds",
  "s3:AbortMultipartUpload": "give up uploads in parts",
  "s3:ListMultipartUploadParts": "list the parts of an upload",
  "s3:ListBucket": "list keys",
  "s3:ListBucketVersions": "list versions of keys",
  "s3:ListBucketMultipartUploads": "list unfinished uploads",
  "s3:GetBucketLocation": "ask for the bucket's region",
  "s3:GetObjectTagging": "read tags of objects",
  "s3:PutObjectTagging": "set tags of objects",
  "s3:GetObjectVersionTagging": "read tags of versions",
  "s3:PutObjectVersionTagging": "set tags of versions",
  "s3:GetBucketAcl": "read the bucket's ACL",
  "sts:AssumeRole": "become the role",
  "sts:AssumeRoleWithWebIdentity": "become the role by a token",
  "sts:TagSession": "tag its session",
  "access-analyzer:ValidatePolicy": "let AWS check policies for mistakes",
};

const OPERATORS: Readonly<Record<string, string>> = {
  StringEquals: "is",
  StringEqualsIgnoreCase: "is",
  StringNotEquals: "is not",
  StringLike: "is like",
  StringNotLike: "is not like",
  ArnEquals: "is",
  ArnLike: "is like",
  ArnNotEquals: "is not",
  ArnNotLike: "is not like",
  Bool: "is",
  NumericEquals: "is",
  NumericNotEquals: "is not",
  NumericLessThan: "is below",
  NumericLessThanEquals: "is at most",
  NumericGreaterThan: "is above",
  NumericGreaterThanEquals: "is at least",
  IpAddress: "is within",
  NotIpAddress: "is not within",
};

/** Words for conditions on these keys, by `Operator key`; `values` are joined by "or". */
const CONDITIONS: Readonly<Record<string, (values: string) => string>> = {
  "is aws:SourceAccount": (account) => `it acts for account ${account}`,
  "is aws:SourceArn": (arn) => `it acts for ${arn}`,
  "is like aws:SourceArn": (arn) => `it acts for ${arn}`,
  "is aws:ResourceAccount": (account) => `the bucket belongs to account ${account}`,
  "is aws:PrincipalArn": (arns) => `the caller is ${arns}`,
  "is not aws:PrincipalArn": (arns) => `the caller is not ${arns}`,
  "is like s3:prefix": (prefixes) => `only keys like ${prefixes} are listed`,
  "is s3:prefix": (prefixes) => `only keys below ${prefixes} are listed`,
  "is s3:authType": (type) => (type === "REST-QUERY-STRING" ? "the URL is presigned" : `it is signed by ${type}`),
  "is not s3:authType": (type) =>
    type === "REST-QUERY-STRING" ? "the URL is not presigned" : `it is not signed by ${type}`,
  "is above s3:signatureAge": (ms) => `it was signed more than ${Number(ms) / 1000} s ago`,
  "is below s3:TlsVersion": (version) => `TLS is below ${version}`,
  "is not aws:RequestedRegion": (regions) => `it reaches a region other than ${regions}`,
  "is not s3:x-amz-server-side-encryption": (algorithm) => `the encryption it asks for is not ${algorithm}`,
  "is aws:SourceVpce": (endpoints) => `it comes through the VPC endpoint ${endpoints}`,
  "is not aws:SourceVpce": (endpoints) => `it does not come through the VPC endpoint ${endpoints}`,
  "is s3:DataAccessPointArn": (arn) => `it comes by the access point ${arn}`,
  "is lambda:SourceFunctionArn": (arn) => `the function ${arn} is calling`,
  "is aws:PrincipalAccount": (account) => `the caller is of account ${account}`,
  "is not aws:PrincipalAccount": (account) => `the caller is not of account ${account}`,
  "is not like aws:PrincipalArn": (arns) => `the caller is not ${arns}`,
  "is iam:PassedToService": (services) => `the role is passed to ${services}`,
};

/** Conditions that are true or false. */
const FLAGS: Readonly<Record<string, { readonly true: string; readonly false: string }>> = {
  "aws:SecureTransport": { true: "it comes over TLS", false: "it does not come over TLS" },
  "aws:PrincipalIsAWSService": {
    true: "an AWS service itself is calling",
    false: "the caller is no AWS service itself",
  },
  "aws:ViaAWSService": {
    true: "an AWS service is calling with the caller's identity",
    false: "no AWS service is calling with the caller's identity",
  },
};

/** The action in a few words: `read objects`. Its name follows when the words are not precise. */
export function toActionWords(action: string): string {
  const known = ACTIONS[action];
  if (known !== undefined) return known;
  const [service = "", name = ""] = action.split(":");
  if (name === "*") return "anything";
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .split(" ")
    .map((word) => (/^[A-Z]+$/.test(word) ? word : word.toLowerCase()))
    .join(" ");
  return service === "s3" ? words : `${words} (${service})`;
}

/** The condition block as clauses that all must hold: `it acts for account 111122223333`. */
export function toConditionWords(conditions: Conditions): string[] {
  return Object.entries(conditions).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, value]) => toClause(operator, key, value)),
  );
}

/** Resources in a readable form: a bucket's objects without the ARN around them, other ARNs as they are. */
export function toResourceWords(site: Site, arns: readonly string[]): string {
  const isBucket = (name: string) => !name.includes("/") && !name.includes("*");
  return join(
    arns.map((arn) => {
      const name = arn.replace(`arn:${site.partition}:s3:::`, "");
      if (name === arn) return arn === "*" ? "every resource" : arn;
      return isBucket(name) ? `bucket ${name}` : name;
    }),
    "and",
  );
}

/** A value as a text. A part that AWS makes up is written `${LogicalId.Attribute}`, as in `Fn::Sub`. */
export function toText(value: Value): string {
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map((one) => toText(one as Value)).join(", ");
  const intrinsic = value as Properties;
  const { Ref, "Fn::Sub": template, "Fn::GetAtt": attribute, "Fn::Join": joined } = intrinsic;
  if (Ref !== undefined) return `\${${toText(Ref)}}`;
  if (template !== undefined) return Array.isArray(template) ? toText(template[0] as Value) : toText(template);
  if (Array.isArray(attribute)) return `\${${attribute.join(".")}}`;
  if (Array.isArray(joined)) return (joined[1] as Value[]).map(toText).join(joined[0] as string);
  return JSON.stringify(intrinsic);
}

/** "a", "a and b", "a, b and c". */
export function join(words: readonly string[], word: "and" | "or"): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${word} ${words.at(-1)}`;
}

function toClause(operator: string, key: string, value: Value): string {
  const values = (Array.isArray(value) ? (value as Value[]) : [value]).map(toText);
  const [set, plain = operator] = operator.includes(":") ? operator.split(":") : [undefined, operator];
  const isOptional = plain.endsWith("IfExists");
  const base = plain.replace(/IfExists$/, "");
  const clause = `${toPlainClause(base, key, values)}${isOptional ? ", where that is known" : ""}`;
  if (set === undefined) return clause;
  return `${set === "ForAllValues" ? "for every value " : "for one value at least "}${clause}`;
}

function toPlainClause(operator: string, key: string, values: readonly string[]): string {
  const isTrue = values[0] === "true";
  if (operator === "Null") return isTrue ? `${key} is not said` : `${key} is said`;
  const flag = operator === "Bool" ? FLAGS[key] : undefined;
  if (flag !== undefined) return isTrue ? flag.true : flag.false;
  const verb = OPERATORS[operator] ?? operator;
  const alternatives = join(values, "or");
  return CONDITIONS[`${verb} ${key}`]?.(alternatives) ?? `${key} ${verb} ${alternatives}`;
}
