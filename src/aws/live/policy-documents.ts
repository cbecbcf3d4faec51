import type { Configuration } from "../generate-configuration.ts";
import { findPolicies, type Policy } from "../policy/policy.ts";
import type { Resource } from "../template/template.ts";
import type { Properties } from "../template/value.ts";
import { MADE_UP, resolveIntrinsics } from "./comparison/made-up-ids.ts";
import { type Plain, type PlainMap, toPlain } from "./comparison/plain.ts";
import type { PolicyKind } from "./reading/policy-analyzer.ts";

/** Takes the place of an id that AWS makes up, within an ARN. It has the form of a distribution's id. */
const EXAMPLE_ID = "E1EXAMPLE2SLUICE";
/** Takes the place of a whole id: the one that a policy may name is a VPC endpoint's. */
const EXAMPLE_ENDPOINT = "vpce-0123456789abcdef0";

/** A policy document of the template, in literal JSON. */
export interface PolicyDocument {
  /** The document's place: `policy of bucket my-files`, `trust policy of role my-files-write`, `policy of SqsQueuePolicy`. */
  readonly name: string;
  readonly kind: PolicyKind;
  readonly document: PlainMap;
}

/** Every policy document of the template, in its order. */
export function listPolicyDocuments(configuration: Configuration): PolicyDocument[] {
  return Object.entries(configuration.template.resources).flatMap(([logicalId, resource]) =>
    listOf(logicalId, resource).map(({ name, kind, policy }) => ({
      name,
      kind,
      document: toLiteral(configuration, toPlain(policy) as Plain) as PlainMap,
    })),
  );
}

type Found = Pick<PolicyDocument, "name" | "kind"> & { readonly policy: Policy };

function listOf(logicalId: string, { type, properties }: Resource): Found[] {
  if (type !== "AWS::IAM::Role") {
    const isBucket = type === "AWS::S3::BucketPolicy";
    const name = `policy of ${isBucket ? `bucket ${properties.Bucket}` : logicalId}`;
    return findPolicies(properties).map((policy) => ({ name, kind: isBucket ? "bucket" : "resource", policy }));
  }
  const { RoleName, AssumeRolePolicyDocument, Policies = [] } = properties;
  const trusts = findPolicies(AssumeRolePolicyDocument).map(
    (policy): Found => ({ name: `trust policy of role ${RoleName}`, kind: "trust", policy }),
  );
  const own = (Policies as readonly Properties[]).flatMap((one) =>
    findPolicies(one).map(
      (policy): Found => ({ name: `policy ${one.PolicyName} of role ${RoleName}`, kind: "role", policy }),
    ),
  );
  return [...trusts, ...own];
}

function toLiteral(configuration: Configuration, value: Plain): Plain {
  const resolved = JSON.stringify(resolveIntrinsics(configuration, value));
  const whole = resolved.replaceAll(JSON.stringify(MADE_UP), JSON.stringify(EXAMPLE_ENDPOINT));
  return JSON.parse(whole.replaceAll(JSON.stringify(MADE_UP).slice(1, -1), EXAMPLE_ID));
}
