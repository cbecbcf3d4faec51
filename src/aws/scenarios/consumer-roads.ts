import type { Configuration } from "../generate-configuration.ts";
import type { Consumer } from "../settings/consumers.ts";
import type { Site } from "../template/site.ts";
import { type Request, SCAN_RESULT, type Scenario, STRANGER } from "./scenario.ts";

type Says = NonNullable<Request["says"]>;

/** What consumers of other accounts may, once their account has attached the policy that `explain` prints. */
export function listConsumerRoads({ site, settings, consumers }: Configuration): Scenario[] {
  return consumers.flatMap((consumer) => [
    ...listReadRoads(site, consumer),
    ...listWriteRoads(site, consumer),
    ...listIdentityRoads(site, consumer),
    ...listGuardedRoads(site, consumer, settings.presign.ageSecondsMax),
  ]);
}

function listReadRoads(site: Site, consumer: Consumer): Scenario[] {
  const { name, prefix, mayRead } = consumer;
  const isShut = site.gatedPrefixes.some((gated) => prefix.startsWith(gated));
  const read = (key: string, says: Says = {}) => toSteps(site, consumer, { action: "s3:GetObject", key: key, says });
  const list = (listed: string) =>
    toSteps(site, consumer, { action: "s3:ListBucket", key: "", says: { "s3:prefix": listed } });
  const elsewhere = prefix === site.keyPrefix ? `${site.externalPrefix}another/a` : `${site.keyPrefix}a`;
  const beside = elsewhere.startsWith(prefix) ? "another/a" : elsewhere;
  return [
    {
      road: `${name} reads an object below ${prefix} that was found clean`,
      isOpen: mayRead,
      steps: read(`${prefix}a`),
    },
    {
      road: `${name} reads an object below ${prefix} that has not been scanned`,
      isOpen: mayRead && !isShut,
      steps: read(`${prefix}a`, { [SCAN_RESULT]: undefined }),
    },
    { road: `${name} lists the keys below ${prefix}`, isOpen: mayRead, steps: list(prefix) },
    { road: `${name} lists all keys of the bucket`, isOpen: false, steps: list("") },
    { road: `${name} reads beyond ${prefix}`, isOpen: false, steps: read(beside) },
  ];
}

function listWriteRoads(site: Site, consumer: Consumer): Scenario[] {
  const { name, prefix, mayWrite } = consumer;
  const write = (key: string, says: Says = {}) => toSteps(site, consumer, { action: "s3:PutObject", key: key, says });
  const encryption = "s3:x-amz-server-side-encryption";
  return [
    { road: `${name} writes an object below ${prefix}`, isOpen: mayWrite, steps: write(`${prefix}a`) },
    {
      road: `${name} gives up an upload in parts below ${prefix}`,
      isOpen: mayWrite,
      steps: toSteps(site, consumer, { action: "s3:AbortMultipartUpload", key: `${prefix}a` }),
    },
    { road: `${name} writes among Sluice's files`, isOpen: false, steps: write(`${site.keyPrefix}a`) },
    {
      road: `${name} writes an object under a KMS key`,
      isOpen: false,
      steps: write(`${prefix}a`, { [encryption]: "aws:kms" }),
    },
    {
      road: `${name} deletes an object below ${prefix}`,
      isOpen: false,
      steps: toSteps(site, consumer, { action: "s3:DeleteObject", key: `${prefix}a` }),
    },
    {
      road: `${name} changes the bucket's policy`,
      isOpen: false,
      steps: toSteps(site, consumer, { action: "s3:PutBucketPolicy", key: "" }),
    },
  ];
}

/** Who is taken for the consumer: its role, within its function, by its access point, through its endpoints. */
function listIdentityRoads(site: Site, consumer: Consumer): Scenario[] {
  const { name, account, role, accessPoint, vpcEndpoints } = consumer;
  const about = toUse(consumer);
  const roads: Scenario[] = [];
  const shut = (road: string, steps: Scenario["steps"]) => roads.push({ road, isOpen: false, steps });
  if (role !== undefined) {
    const another = { ...consumer, role: site.arn("iam", "role/another", { region: "", account }) };
    shut(`another role of ${name}'s account does the same`, toSteps(site, another, about));
  }
  const stranger = { ...consumer, role: site.arn("iam", "role/reports", { region: "", account: STRANGER }) };
  shut(`a role of a third account does the same as ${name}`, toSteps(site, stranger, about));
  if (consumer.function !== undefined) {
    const says = { "lambda:SourceFunctionArn": undefined };
    shut(`the role of ${name} does it outside of its function`, toSteps(site, consumer, { ...about, says }));
  }
  if (accessPoint !== undefined) {
    const direct = { ...consumer, accessPoint: undefined };
    shut(`${name} does it by the bucket's name instead of its access point`, toSteps(site, direct, about));
  }
  if (vpcEndpoints !== undefined) {
    const says = { "aws:SourceVpce": undefined };
    shut(`${name} does it from outside of its VPC endpoints`, toSteps(site, consumer, { ...about, says }));
  }
  return roads;
}

/** The guards of the bucket hold for consumers as for everybody. */
function listGuardedRoads(site: Site, consumer: Consumer, ageSecondsMax: number): Scenario[] {
  const { name } = consumer;
  const about = toUse(consumer);
  const url = (seconds: number) => ({
    "s3:authType": "REST-QUERY-STRING",
    "s3:signatureAge": String(seconds * 1000),
  });
  return [
    {
      road: `a URL that ${name} signed is used ${ageSecondsMax} s after that`,
      isOpen: true,
      steps: toSteps(site, consumer, { ...about, says: url(ageSecondsMax) }),
    },
    {
      road: `a URL that ${name} signed is used ${ageSecondsMax + 1} s after that`,
      isOpen: false,
      steps: toSteps(site, consumer, { ...about, says: url(ageSecondsMax + 1) }),
    },
    {
      road: `${name} comes over plaintext`,
      isOpen: false,
      steps: toSteps(site, consumer, { ...about, says: { "aws:SecureTransport": "false" } }),
    },
  ];
}

/** An action that the consumer may do, and a key. */
function toUse({ mayRead, prefix }: Consumer): { action: string; key: string } {
  return { action: mayRead ? "s3:GetObject" : "s3:PutObject", key: `${prefix}a` };
}

/** The consumer's request as S3 checks it: by the access point's policy first, where it has one, and by the bucket's. */
function toSteps(
  site: Site,
  consumer: Consumer,
  { action, key, says: more = {} }: { action: string; key: string; says?: Says },
): Request[] {
  const { account, role, accessPoint, vpcEndpoints } = consumer;
  const principal = role ?? site.arn("iam", "role/somebody", { region: "", account });
  const says = {
    ...(consumer.function !== undefined && { "lambda:SourceFunctionArn": consumer.function }),
    // Consumers come by networks of their own.
    "aws:SourceVpce": vpcEndpoints?.[0],
    ...more,
  };
  const onBucket = { principal, action, resource: key === "" ? site.bucketArn : `${site.bucketArn}/${key}` };
  if (accessPoint === undefined) return [{ ...onBucket, says }];
  const point = accessPoint.arn;
  const byPoint = { ...says, "s3:DataAccessPointArn": point };
  // Settings of a bucket have no access point.
  if (action === "s3:PutBucketPolicy") return [{ ...onBucket, says }];
  return [
    { principal, action, resource: key === "" ? point : `${point}/object/${key}`, says: byPoint },
    { ...onBucket, says: byPoint },
  ];
}
