import type { Configuration } from "../generate-configuration.ts";
import type { Site } from "../template/site.ts";
import { type Request, SCAN_RESULT, type Scenario } from "./scenario.ts";
import { ask } from "./sluice-roads.ts";

const SCAN_TAG = "GuardDutyMalwareScanStatus";
const CLEAN = { [SCAN_RESULT]: "NO_THREATS_FOUND" };
const INFECTED = { [SCAN_RESULT]: "THREATS_FOUND" };
const UNSCANNED = { [SCAN_RESULT]: undefined };
type Says = NonNullable<Request["says"]>;

const PRESIGNED = { "s3:authType": "REST-QUERY-STRING", "s3:signatureAge": "1000" };
const TAGGED = { "s3:RequestObjectTagKeys": [SCAN_TAG] };

/** By what roads files leave, and who says that they are clean. Nothing where GuardDuty is not switched on. */
export function listGateRoads(configuration: Configuration): Scenario[] {
  const { settings, site, template } = configuration;
  if (settings.services.guardduty === undefined) return [];
  return [
    ...listReaderRoads(configuration),
    ...listScannerRoads(configuration),
    ...listTagRoads(site),
    ...(template.resources.ReplicationBucket === undefined ? [] : listReplicaRoads(site)),
    ...(template.resources.ReplicationRole === undefined ? [] : listReplicationRoads(configuration)),
  ];
}

/** Readers whose own rights reach the files, each with what they are called. */
export const READERS: Readonly<Record<string, string>> = {
  ReadRole: "the read role",
  LambdaRole: "a Lambda function",
  ComprehendRole: "a Comprehend job",
  MediaconvertRole: "a MediaConvert job",
  StepFunctionsRole: "a state machine",
  OpensearchIngestionRole: "an OpenSearch pipeline",
  BedrockRole: "a knowledge base",
  SagemakerRole: "a SageMaker job",
  DatasyncReadRole: "a DataSync task",
  BackupRole: "AWS Backup",
};

function listReaderRoads({ site, template }: Configuration): Scenario[] {
  const isShut = site.isGated;
  const file = `${site.bucketArn}/${site.keyPrefix}a`;
  const readers = Object.entries(READERS).flatMap(([logicalId, who]) => {
    const role = template.resources[logicalId]?.properties.RoleName;
    return role === undefined ? [] : [{ who, principal: site.arn("iam", `role/${role}`, { region: "" }), says: {} }];
  });
  const distribution = site.arn("cloudfront", "distribution/standincloudfrontdistribution", { region: "" });
  const cloudfront = { principal: site.principal("cloudfront"), says: { "aws:SourceArn": distribution } };
  const administrator = site.arn("iam", "role/somebody", { region: "" });
  const all = [
    ...readers,
    { who: "an administrator", principal: administrator, says: {} },
    ...(template.resources.CloudfrontDistribution === undefined ? [] : [{ who: "CloudFront", ...cloudfront }]),
  ];
  return all.flatMap(({ who, principal, says }) => {
    const read = (result: Says): Request => ({
      ...{ principal, action: "s3:GetObject", resource: file, says: { ...says, ...result } },
    });
    return [
      { road: `${who} reads a file that was found clean`, isOpen: true, steps: [read(CLEAN)] },
      { road: `${who} reads a file that has not been scanned`, isOpen: !isShut, steps: [read(UNSCANNED)] },
      { road: `${who} reads a file in which a threat was found`, isOpen: !isShut, steps: [read(INFECTED)] },
    ];
  });
}

function listScannerRoads({ site, settings }: Configuration): Scenario[] {
  const isShut = site.isGated;
  const file = `${site.keyPrefix}a`;
  const { prefixes = [site.keyPrefix] } = settings.services.guardduty as { prefixes?: readonly string[] };
  const scanned = `${prefixes[0]}a`;
  return [
    {
      road: "GuardDuty reads a file that has not been scanned, and tags it",
      isOpen: true,
      steps: [
        ask(site, ["guardduty", "s3:GetObject", scanned], UNSCANNED),
        ask(site, ["guardduty", "s3:PutObjectTagging", scanned], { ...TAGGED, ...UNSCANNED }),
      ],
    },
    {
      road: "a commit looks at a file that has not been scanned",
      isOpen: true,
      steps: [ask(site, ["write", "s3:GetObject", file], UNSCANNED)],
    },
    {
      road: "a URL that the write role signed gives out a file that has not been scanned",
      isOpen: !isShut,
      steps: [ask(site, ["write", "s3:GetObject", file], { ...PRESIGNED, ...UNSCANNED })],
    },
    {
      road: "a part is put to its URL while the file has not been scanned",
      isOpen: true,
      steps: [ask(site, ["write", "s3:PutObject", file], { ...PRESIGNED, ...UNSCANNED })],
    },
  ];
}

function listTagRoads(site: Site): Scenario[] {
  const isShut = site.isGated;
  const file = `${site.keyPrefix}a`;
  const tag = (action: string, says: Says): Request => ({
    principal: site.arn("iam", "role/somebody", { region: "" }),
    action,
    resource: `${site.bucketArn}/${file}`,
    says,
  });
  return [
    {
      road: "an administrator says that a file is clean",
      isOpen: !isShut,
      steps: [tag("s3:PutObjectTagging", TAGGED)],
    },
    {
      road: "an administrator restores a file with the scan's result that a backup kept",
      isOpen: !isShut,
      steps: [tag("s3:PutObject", TAGGED)],
    },
    {
      road: "an administrator gives a file another tag",
      isOpen: true,
      steps: [tag("s3:PutObjectTagging", { "s3:RequestObjectTagKeys": ["team"] })],
    },
    {
      road: "the write role uploads a file that says of itself that it is clean",
      isOpen: !isShut,
      steps: [ask(site, ["write", "s3:PutObject", file], TAGGED)],
    },
  ];
}

/** The same files by the bucket of their replicas. */
function listReplicaRoads(site: Site): Scenario[] {
  const isShut = site.isGated;
  const request = (action: string, says: Says): Request => ({
    principal: site.arn("iam", "role/somebody", { region: "" }),
    action,
    resource: `${site.arn("s3", site.replicaBucket, { region: "", account: "" })}/${site.keyPrefix}a`,
    says,
  });
  const read = (result: Says) => [request("s3:GetObject", result)];
  return [
    { road: "an administrator reads the replica of a file that was found clean", isOpen: true, steps: read(CLEAN) },
    {
      road: "an administrator reads the replica of a file that has not been scanned",
      isOpen: !isShut,
      steps: read(UNSCANNED),
    },
    {
      road: "an administrator reads the replica of a file in which a threat was found",
      isOpen: !isShut,
      steps: read(INFECTED),
    },
    {
      road: "an administrator says that a replica is clean",
      isOpen: !isShut,
      steps: [request("s3:PutObjectTagging", { ...TAGGED, ...UNSCANNED })],
    },
  ];
}

function listReplicationRoads({ site, settings }: Configuration): Scenario[] {
  const { bucket = site.replicaBucket } = settings.services.replication as { bucket?: string };
  const replica = `${site.arn("s3", bucket, { region: "", account: "" })}/${site.keyPrefix}a`;
  return [
    {
      road: "S3 replicates a file that has not been scanned, and the result of its scan later",
      isOpen: true,
      steps: ["s3:ReplicateObject", "s3:ReplicateTags"].map((action) => ({
        ...{ principal: site.roleArn("replication"), action, resource: replica, says: UNSCANNED },
      })),
    },
  ];
}
