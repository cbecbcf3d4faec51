import type { Resource, Template } from "../template/template.ts";
import { Leaf, type Value } from "../template/value.ts";
import { SettingsProblem } from "./settings-problem.ts";

/** Bytes of a bucket's policy. https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html */
const BUCKET_POLICY_BYTES_MAX = 20 * 1024;
/**
 * Characters of all inline policies of a role together, without white space.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const INLINE_POLICIES_LENGTH_MAX = 10_240;
/** Characters of a trust policy under the default quota. The source is the same page. */
const TRUST_POLICY_LENGTH_MAX = 2_048;
/** Resources of a template. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const RESOURCES_MAX = 500;
const OUTPUTS_MAX = 200;

/**
 * Throws `SettingsProblem` when AWS would refuse the template for its size. `parts` are policies of which
 * the bucket's is put together, by for whom they are: one that is too large is told with what each part takes.
 */
export function assertWithinLimits(template: Template, parts: Readonly<Record<string, Leaf>> = {}): void {
  const counts = { resources: Object.keys(template.resources).length, outputs: Object.keys(template.outputs).length };
  if (counts.resources > RESOURCES_MAX) throw tooMuch("the template", `${counts.resources} resources`, RESOURCES_MAX);
  if (counts.outputs > OUTPUTS_MAX) throw tooMuch("the template", `${counts.outputs} outputs`, OUTPUTS_MAX);
  for (const [logicalId, resource] of Object.entries(template.resources)) assertPoliciesFit(logicalId, resource, parts);
}

function assertPoliciesFit(
  logicalId: string,
  { type, properties }: Resource,
  parts: Readonly<Record<string, Leaf>>,
): void {
  if (type === "AWS::S3::BucketPolicy") {
    const bytes = sizeOf(properties.PolicyDocument);
    const sum = logicalId === "DataBucketPolicy" ? toSum(bytes, parts) : "";
    if (bytes > BUCKET_POLICY_BYTES_MAX) throw tooMuch(logicalId, `${bytes} bytes${sum}`, BUCKET_POLICY_BYTES_MAX);
  }
  if (type !== "AWS::IAM::Role") return;
  const inline = ((properties.Policies ?? []) as { PolicyDocument: Value }[]).reduce(
    (sum, { PolicyDocument }) => sum + sizeOf(PolicyDocument),
    0,
  );
  if (inline > INLINE_POLICIES_LENGTH_MAX) {
    throw tooMuch(`${logicalId}'s inline policy`, `${inline} characters`, INLINE_POLICIES_LENGTH_MAX);
  }
  const trust = sizeOf(properties.AssumeRolePolicyDocument);
  if (trust > TRUST_POLICY_LENGTH_MAX) {
    throw tooMuch(`${logicalId}'s trust policy`, `${trust} characters`, TRUST_POLICY_LENGTH_MAX);
  }
}

/** ` (1500 of the guards + 900 of services + …)`: each statement with its comma, the head of the document with the guards. */
function toSum(bytes: number, parts: Readonly<Record<string, Leaf>>): string {
  const sizes = Object.entries(parts).map(([whose, policy]) => {
    const { Statement } = policy.toJson() as { Statement: readonly Value[] };
    // The list has two brackets, and a comma less than statements.
    return { whose, size: Statement.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(Statement)) - 1 };
  });
  const guards = sizes.reduce((rest, { size }) => rest - size, bytes);
  const said = [{ whose: "the guards", size: guards }, ...sizes].filter(({ size }) => size > 0);
  return ` (${said.map(({ whose, size }) => `${size} of ${whose}`).join(" + ")})`;
}

/** Length as JSON without white space. `Fn::Sub` and the like count as written, which is never shorter. */
function sizeOf(document: Value | undefined): number {
  return document instanceof Leaf ? Buffer.byteLength(JSON.stringify(document.toJson())) : 0;
}

function tooMuch(what: string, size: string, bound: number): SettingsProblem {
  return new SettingsProblem(
    `${what} would have ${size}, and AWS takes ${bound}; switch some services off, take out consumers or statements, or shorten the names`,
    ["services"],
  );
}
