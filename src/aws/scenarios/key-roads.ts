import type { Configuration } from "../generate-configuration.ts";
import type { Site } from "../template/site.ts";
import { READERS } from "./gate-roads.ts";
import { type Request, type Scenario, STRANGER, toKeyText } from "./scenario.ts";
import { WRITERS } from "./service-roads.ts";
import { ask } from "./sluice-roads.ts";

type Says = NonNullable<Request["says"]>;

/** Who uses the KMS key of files, and how. Nothing under SSE-S3. */
export function listKeyRoads(configuration: Configuration): Scenario[] {
  const { site, settings } = configuration;
  if (site.keyArn === undefined) return [];
  return [
    ...(settings.minimal ? [] : listOwnRoads(site)),
    ...listRoleRoads(configuration),
    ...(settings.encryption === "kms" ? listServiceRoads(configuration) : []),
    ...listReplicaRoads(configuration),
    {
      road: "an administrator of another account has S3 decrypt a file",
      isOpen: false,
      steps: [useKey(site, [site.arn("iam", "role/somebody", { region: "", account: STRANGER }), "kms:Decrypt"])],
    },
  ];
}

function listOwnRoads(site: Site): Scenario[] {
  const file = `${site.keyPrefix}a`;
  const one = (road: string, isOpen: boolean, ...steps: Request[]): Scenario => ({ road, isOpen, steps });
  const use = (role: string, action: string, says?: Says) => useKey(site, [site.roleArn(role), action], says);
  const another = site.arn("s3", "another", { region: "", account: "" });
  return [
    one(
      "the read role reads a file that S3 decrypts",
      true,
      ask(site, ["read", "s3:GetObject", file]),
      use("read", "kms:Decrypt"),
    ),
    one(
      "the write role uploads a file in parts that S3 encrypts",
      true,
      ask(site, ["write", "s3:PutObject", file]),
      use("write", "kms:GenerateDataKey"),
      use("write", "kms:Decrypt"),
    ),
    one(
      "the write role uploads a file without a bucket key",
      true,
      use("write", "kms:GenerateDataKey", { "kms:EncryptionContext:aws:s3:arn": `${site.bucketArn}/${file}` }),
    ),
    one("the read role has S3 encrypt a file", false, use("read", "kms:GenerateDataKey")),
    one("the read role decrypts without S3", false, use("read", "kms:Decrypt", { "kms:ViaService": undefined })),
    one(
      "the read role has S3 decrypt a file of another bucket",
      false,
      use("read", "kms:Decrypt", { "kms:EncryptionContext:aws:s3:arn": another }),
    ),
    one("the verify role has S3 decrypt a file", false, use("verify", "kms:Decrypt")),
    one("the write role deletes the key", false, use("write", "kms:ScheduleKeyDeletion")),
  ];
}

/** Roles of services: whoever reads decrypts, and whoever writes encrypts. */
function listRoleRoads({ site, template }: Configuration): Scenario[] {
  const isThere = ([logicalId]: readonly [string, unknown]) =>
    template.resources[logicalId] !== undefined && logicalId !== "ReadRole";
  const principalOf = (logicalId: string) => {
    const name = template.resources[logicalId]?.properties.RoleName;
    return site.arn("iam", `role/${name}`, { region: "" });
  };
  return [
    ...Object.entries(READERS)
      .filter(isThere)
      .map(([logicalId, who]) => ({
        road: `${who} reads a file that S3 decrypts`,
        isOpen: true,
        steps: [useKey(site, [principalOf(logicalId), "kms:Decrypt"])],
      })),
    ...Object.entries(WRITERS)
      .filter(isThere)
      .map(([logicalId, { purpose }]) => ({
        road: `the role of ${purpose} writes in parts that S3 encrypts`,
        isOpen: true,
        steps: ["kms:GenerateDataKey", "kms:Decrypt"].map((action) => useKey(site, [principalOf(logicalId), action])),
      })),
  ];
}

/** Services without a role of the template, by the policy of the template's key. */
function listServiceRoads({ site, template }: Configuration): Scenario[] {
  const isThere = template.resources.CloudfrontDistribution !== undefined;
  const read = (distribution: string) =>
    useKey(site, [site.principal("cloudfront"), "kms:Decrypt"], {
      "kms:ViaService": undefined,
      "aws:SourceArn": site.arn("cloudfront", `distribution/${distribution}`, { region: "" }),
    });
  const administrator = site.arn("iam", "role/somebody", { region: "" });
  return [
    ...(isThere
      ? [
          {
            road: "CloudFront decrypts a file for the distribution",
            isOpen: true,
            steps: [read("standincloudfrontdistribution")],
          },
          { road: "CloudFront decrypts a file for another distribution", isOpen: false, steps: [read("another")] },
        ]
      : []),
    {
      road: "an administrator of this account decrypts without S3",
      isOpen: false,
      steps: [useKey(site, [administrator, "kms:Decrypt"], { "kms:ViaService": undefined })],
    },
    {
      road: "an administrator of this account changes the key's policy",
      isOpen: true,
      steps: [useKey(site, [administrator, "kms:PutKeyPolicy"], { "kms:ViaService": undefined })],
    },
  ];
}

function listReplicaRoads({ site, template }: Configuration): Scenario[] {
  if (template.resources.ReplicationBucket === undefined) return [];
  const replica = site.arn("s3", site.replicaBucket, { region: "", account: "" });
  const use = (action: string, bucket: string) =>
    useKey(site, [site.roleArn("replication"), action], { "kms:EncryptionContext:aws:s3:arn": bucket });
  return [
    {
      road: "S3 decrypts a file and encrypts its replica",
      isOpen: true,
      steps: [use("kms:Decrypt", site.bucketArn), use("kms:Encrypt", replica), use("kms:GenerateDataKey", replica)],
    },
    {
      road: "the role of replication encrypts among the files",
      isOpen: false,
      steps: [use("kms:Encrypt", site.bucketArn)],
    },
  ];
}

/** A use of the key by S3, for the bucket of files, as long as nothing else is said. */
function useKey(site: Site, [principal, action]: readonly [string, string], says: Says = {}): Request {
  return {
    principal,
    action,
    resource: toKeyText(site),
    says: {
      "kms:ViaService": `s3.${site.region}.${site.dnsSuffix}`,
      "kms:EncryptionContext:aws:s3:arn": site.bucketArn,
      ...says,
    },
  };
}
