import type { AccessRow } from "../../../aws/policy/access-matrix.ts";
import { toText } from "../../../aws/policy/access-words.ts";
import type { Conditions } from "../../../aws/policy/policy.ts";
import type { Site } from "../../../aws/template/site.ts";
import type { Value } from "../../../aws/template/value.ts";
import type { AccessRequest, PolicyEvaluator } from "./policy-evaluator.ts";

/** Another customer of AWS. */
export const FOREIGN_ACCOUNT = "999988887777";

/** A request, and the ARN of the statement that it is a sample of. */
export interface SampleRequest extends AccessRequest {
  readonly on: string;
}

type Context = Record<string, string | string[]>;

/** What AWS says of any good request of the caller: encrypted, to the right region, about this account's bucket. */
export function baseContext(site: Site, principal: string): Context {
  const isService = principal.endsWith(`.${site.dnsSuffix}`) || principal.endsWith(".amazonaws.com");
  return {
    "aws:SecureTransport": "true",
    "s3:TlsVersion": "1.3",
    "s3:authType": "REST-HEADER",
    "aws:RequestedRegion": site.region,
    "aws:ResourceAccount": site.account,
    "s3:ExistingObjectTag/GuardDutyMalwareScanStatus": "NO_THREATS_FOUND",
    "aws:PrincipalIsAWSService": String(isService),
    ...(isService && { "aws:PrincipalServiceName": principal, "aws:SourceAccount": site.account }),
    ...(!isService && {
      "aws:PrincipalArn": principal,
      "aws:PrincipalAccount": principal.split(":")[4] ?? "",
      "aws:PrincipalType": "AssumedRole",
    }),
  };
}

/** Values that meet the conditions: the first of each list, `*` replaced by a word. */
export function meetConditions(evaluator: PolicyEvaluator, conditions: Conditions): Context {
  const context: Context = {};
  for (const [operator, keys] of Object.entries(conditions)) {
    for (const [key, value] of Object.entries(keys)) {
      const values = (Array.isArray(value) ? (value as Value[]) : [value]).map((one) => evaluator.resolve(toText(one)));
      const met = meetOne(operator.replace(/IfExists$/, ""), values[0] as string);
      if (met !== undefined) context[key] = operator.includes(":") ? [met] : met;
    }
  }
  return context;
}

/** Every request that a row of the matrix allows: each principal, action and resource, in the context that it asks for. */
export function listRequests(site: Site, evaluator: PolicyEvaluator, row: AccessRow): SampleRequest[] {
  return row.who.flatMap((who) =>
    row.actions.flatMap((action) =>
      row.on.flatMap((on) => {
        const account = /^(?:arn:[a-z-]+:iam::)?(\d{12})(?::root)?$/.exec(who)?.[1];
        const principal = account === undefined ? who : memberOf(site, account);
        const context = { ...baseContext(site, principal), ...meetConditions(evaluator, row.under) };
        // In the policy of a key "*" is the key itself.
        const pattern = on === "*" && row.kind === "resource" ? evaluator.arnOf(row.via) : evaluator.resolve(on);
        return toSamples(pattern).map((resource) => ({ principal, action, resource, context, on }));
      }),
    ),
  );
}

/** A role of an account that is not in the template, and may there do everything. */
export function memberOf(site: Site, account: string): string {
  return site.arn("iam", "role/somebody", { region: "", account });
}

/** An ARN that the pattern matches; "*" alone stays. */
export function toSample(pattern: string): string {
  return pattern === "*" ? pattern : pattern.replaceAll("*", "sample").replaceAll("?", "x");
}

/** Log groups are matched by one pattern with the streams in them, and take other actions: one sample of each. */
function toSamples(pattern: string): string[] {
  if (!pattern.includes(":log-group:") || pattern.includes(":log-stream:") || !pattern.endsWith("*"))
    return [toSample(pattern)];
  if (pattern.endsWith(":*")) return [`${toSample(pattern.slice(0, -2))}:log-stream:sample`];
  return [toSample(pattern), `${toSample(pattern)}:log-stream:sample`];
}

function meetOne(operator: string, value: string): string | undefined {
  switch (operator.replace(/^For(Any|All)Values?s?:/, "")) {
    case "StringEquals":
    case "ArnEquals":
    case "Bool":
    case "NumericEquals":
    case "NumericLessThanEquals":
    case "NumericGreaterThanEquals":
      return value;
    case "StringLike":
    case "ArnLike":
      return toSample(value);
    case "StringNotEquals":
    case "ArnNotEquals":
      return undefined;
    default:
      throw new Error(`no value is known that meets ${operator} ${value}; say it here`);
  }
}
