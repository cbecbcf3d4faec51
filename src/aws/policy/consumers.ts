import type { PolicyStatement } from "../services/aws-service.ts";
import type { Consumer } from "../settings/consumers.ts";
import type { Site } from "../template/site.ts";
import type { Properties, Value } from "../template/value.ts";
import { type AllowStatement, type Conditions, Policy, type Statement } from "./policy.ts";

const CROSS_ACCOUNT =
  "https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-walkthroughs-managing-access-example2.html";
const ACCESS_POINTS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html";
const UPLOADS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuAndPermissions.html";
const FUNCTION = "https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html";
/** The consumer's name as a part of Sids, logical ids and outputs: `audit-logs` is `AuditLogs`. */
export function toPascal(name: string): string {
  return name
    .split("-")
    .map((part) => part.replace(/^./, (letter) => letter.toUpperCase()))
    .join("");
}

/**
 * The statements by which the bucket's policy lets a consumer in. They name its account and ask for its role in a condition: so
 * the policy deploys before the role is there, and holds for a role that is deleted and made again. With an access point, the
 * same rights hold for requests by that access point alone: S3 asks both policies, the access point's and the bucket's.
 */
export function createConsumerStatements(site: Site, consumer: Consumer): PolicyStatement[] {
  const { accessPoint } = consumer;
  const byAccessPoint: Conditions =
    accessPoint === undefined ? {} : { StringEquals: { "s3:DataAccessPointArn": accessPoint.arn } };
  return listRights(consumer, { bucket: site.bucketArn, objects: (prefix) => site.objects(prefix) }).map((right) => ({
    ...right,
    sid: `AllowConsumer${toPascal(consumer.name)}${right.sid}`,
    principal: { roles: [rootOf(site, consumer)] },
    ...withConditions(whoAndWhence(consumer), byAccessPoint, right.conditions ?? {}),
  }));
}

/** The policy of a consumer's access point: the same rights, by the access point's own ARN. */
export function createAccessPointPolicy(site: Site, consumer: Consumer, arn: string): Policy {
  return new Policy(
    listRights(consumer, { bucket: arn, objects: (prefix) => `${arn}/object/${prefix}*` }).map((right) => ({
      ...right,
      source: ACCESS_POINTS,
      principal: { roles: [rootOf(site, consumer)] },
      ...withConditions(whoAndWhence(consumer), right.conditions ?? {}),
    })),
  );
}

/**
 * The policy that the other account attaches to the consumer's role: between two accounts, both must allow. It names the
 * bucket's account, because a bucket's name does not.
 */
export function createConsumerPolicy(site: Site, consumer: Consumer): Policy {
  const { accessPoint } = consumer;
  const here: Conditions = {
    StringEquals: { "aws:ResourceAccount": site.account },
    ...(consumer.function !== undefined && { ArnEquals: { "lambda:SourceFunctionArn": consumer.function } }),
  };
  const rights = listRights(consumer, { bucket: site.bucketArn, objects: (prefix) => site.objects(prefix) });
  const arn = accessPoint?.arn;
  const byPoint =
    arn === undefined ? [] : listRights(consumer, { bucket: arn, objects: (prefix) => `${arn}/object/${prefix}*` });
  return new Policy(
    rights.map(
      (right, at): Statement => ({
        ...right,
        source: consumer.function === undefined ? right.source : FUNCTION,
        resources: [...right.resources, ...(byPoint[at]?.resources ?? [])],
        ...withConditions(here, right.conditions ?? {}),
      }),
    ),
  );
}

type Right = AllowStatement & { readonly resources: readonly Value[] };

/** The consumer's rights on a bucket, or on an access point to it. */
function listRights(
  { prefix, mayRead, mayWrite }: Consumer,
  on: { bucket: string; objects: (prefix: string) => string },
): Right[] {
  const reads: Right[] = [
    {
      sid: "Read",
      why: "Reads objects below its prefix. Whatever binds readers binds this one: guards, and GuardDuty's gate where it is shut.",
      source: CROSS_ACCOUNT,
      actions: ["s3:GetObject"],
      resources: [on.objects(prefix)],
    },
    {
      sid: "List",
      why: "Lists keys below its prefix, and no others.",
      source: CROSS_ACCOUNT,
      actions: ["s3:ListBucket"],
      resources: [on.bucket],
      conditions: { StringLike: { "s3:prefix": [prefix, `${prefix}*`] } },
    },
  ];
  const writes: Right[] = [
    {
      sid: "Write",
      why: "Writes objects into its own folder, in parts where they are large. They belong to the bucket's account; it deletes none.",
      source: UPLOADS,
      actions: ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      resources: [on.objects(prefix)],
    },
  ];
  return [...(mayRead ? reads : []), ...(mayWrite ? writes : [])];
}

function rootOf(site: Site, { account }: Consumer): string {
  return site.arn("iam", "root", { region: "", account });
}

function whoAndWhence({ role, vpcEndpoints }: Consumer): Conditions {
  return {
    ...(role !== undefined && { ArnEquals: { "aws:PrincipalArn": role } }),
    ...(vpcEndpoints !== undefined && {
      StringEquals: { "aws:SourceVpce": vpcEndpoints.length === 1 ? (vpcEndpoints[0] as string) : vpcEndpoints },
    }),
  };
}

/** All of the conditions together; no element where there are none. */
function withConditions(...all: readonly Conditions[]): { readonly conditions?: Conditions } {
  const merged: Record<string, Properties> = {};
  for (const [operator, keys] of all.flatMap((one) => Object.entries(one))) {
    merged[operator] = { ...merged[operator], ...keys };
  }
  return Object.keys(merged).length === 0 ? {} : { conditions: merged };
}
