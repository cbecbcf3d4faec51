import type { Configuration } from "../generate-configuration.ts";
import type { Site } from "../template/site.ts";
import { type Request, type Scenario, STRANGER } from "./scenario.ts";
import { ask } from "./sluice-roads.ts";

/** Roles of services that write, by logical id: the role's purpose, and the folder that is theirs below the external prefix. */
export const WRITERS: Readonly<Record<string, { purpose: string; folder: string }>> = {
  AthenaRole: { purpose: "athena", folder: "athena/" },
  ComprehendRole: { purpose: "comprehend", folder: "comprehend/" },
  DmsRole: { purpose: "dms", folder: "dms/" },
  FirehoseRole: { purpose: "firehose", folder: "firehose/" },
  MediaconvertRole: { purpose: "mediaconvert", folder: "mediaconvert/" },
  OpensearchIngestionRole: { purpose: "opensearch-ingestion", folder: "opensearch-ingestion/" },
  SagemakerRole: { purpose: "sagemaker", folder: "sagemaker/" },
  SesRole: { purpose: "ses", folder: "ses/" },
  StepFunctionsRole: { purpose: "step-functions", folder: "step-functions/" },
};

/** Services that act by a role of the template: by logical id, the principal and the role's purpose. */
const ACTORS: Readonly<Record<string, readonly [service: string, purpose: string]>> = {
  BackupRole: ["backup", "backup"],
  ComprehendRole: ["comprehend", "comprehend"],
  DmsRole: ["dms", "dms"],
  FirehoseRole: ["firehose", "firehose"],
  GuarddutyRole: ["malware-protection-plan.guardduty", "guardduty"],
  LakeFormationRole: ["lakeformation", "lake-formation"],
  LambdaRole: ["lambda", "lambda"],
  MediaconvertRole: ["mediaconvert", "mediaconvert"],
  ReplicationRole: ["s3", "replication"],
  SagemakerRole: ["sagemaker", "sagemaker"],
  SesRole: ["ses", "ses"],
  StepFunctionsRole: ["states", "step-functions"],
  TransferRole: ["transfer", "transfer"],
};

/** What AWS services may do: write into their own folders, never among Sluice's files, and for this account alone. */
export function listServiceRoads({ site, template }: Configuration): Scenario[] {
  const has = ([logicalId]: readonly [string, unknown]) => template.resources[logicalId] !== undefined;
  return [
    ...Object.values(Object.fromEntries(Object.entries(WRITERS).filter(has))).flatMap((one) =>
      listWriterRoads(site, one),
    ),
    ...Object.values(Object.fromEntries(Object.entries(ACTORS).filter(has))).flatMap((one) =>
      listActorRoads(site, one),
    ),
    ...(template.resources.LogBucket === undefined ? [] : listDeliveryRoads(site)),
  ];
}

function listWriterRoads(site: Site, { purpose, folder }: { purpose: string; folder: string }): Scenario[] {
  const write = (key: string) => [ask(site, [purpose, "s3:PutObject", key])];
  return [
    {
      road: `the role of ${purpose} writes into its own folder`,
      isOpen: true,
      steps: write(`${site.externalPrefix}${folder}a`),
    },
    { road: `the role of ${purpose} writes among Sluice's files`, isOpen: false, steps: write(`${site.keyPrefix}a`) },
    {
      road: `the role of ${purpose} writes into another service's folder`,
      isOpen: false,
      steps: write(`${site.externalPrefix}another/a`),
    },
  ];
}

function listActorRoads(site: Site, [service, purpose]: readonly [string, string]): Scenario[] {
  const assume: Request = {
    principal: site.principal(service),
    action: "sts:AssumeRole",
    resource: site.roleArn(purpose),
    says: { "aws:SourceAccount": STRANGER },
  };
  return [
    { road: `${service} becomes the role of ${purpose} for another account`, isOpen: false, steps: [assume] },
    {
      road: `the role of ${purpose} changes the bucket's policy`,
      isOpen: false,
      steps: [ask(site, [purpose, "s3:PutBucketPolicy", ""])],
    },
  ];
}

function listDeliveryRoads(site: Site): Scenario[] {
  const deliver = (sourceArn: string, account: string): Request => ({
    principal: site.principal("logging.s3"),
    action: "s3:PutObject",
    resource: `${site.logBucketArn}/access/log`,
    says: { "aws:SourceArn": sourceArn, "aws:SourceAccount": account },
  });
  const another = site.arn("s3", "another", { region: "", account: "" });
  return [
    { road: "S3 delivers access logs of the bucket", isOpen: true, steps: [deliver(site.bucketArn, site.account)] },
    { road: "S3 delivers access logs of another bucket", isOpen: false, steps: [deliver(another, STRANGER)] },
  ];
}
