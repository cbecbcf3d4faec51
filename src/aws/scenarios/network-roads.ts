import type { Configuration } from "../generate-configuration.ts";
import { isFenced } from "../settings/network.ts";
import type { Site } from "../template/site.ts";
import { type Request, type Scenario, STRANGER } from "./scenario.ts";
import { ask } from "./sluice-roads.ts";

type Says = NonNullable<Request["says"]>;

const PRESIGNED = { "s3:authType": "REST-QUERY-STRING", "s3:signatureAge": "1000" };
/** An endpoint that nobody named. */
const ANOTHER = "vpce-00000000000000000";
/** From outside of every VPC endpoint: over the internet, or from AWS's own network. */
const OUTSIDE = { "aws:SourceVpce": undefined };
/** What the tests' simulator calls the id of the endpoint that the template makes; AWS gives it. */
const MADE = "standingatewayendpoint";

/** Through which networks files leave, and where the VPC's gateway endpoint leads. */
export function listNetworkRoads(configuration: Configuration): Scenario[] {
  const { network } = configuration.settings;
  return [
    ...(isFenced(network) ? listFenceRoads(configuration) : []),
    ...(network.gatewayEndpoint === undefined ? [] : listGatewayRoads(configuration)),
  ];
}

function listFenceRoads(configuration: Configuration): Scenario[] {
  const { site, settings } = configuration;
  const { network } = settings;
  const file = `${site.keyPrefix}a`;
  const read = (role: string, says: Says) => [ask(site, [role, "s3:GetObject", file], says)];
  const write = (says: Says) => [ask(site, ["write", "s3:PutObject", file], says)];
  const areUrlsOpen = network.own !== "endpoints";
  const isOutsideOpen = network.own === "anywhere";
  const away = { "aws:SourceVpce": ANOTHER };
  return [
    { road: "the read role reads a file through a named endpoint", isOpen: true, steps: read("read", {}) },
    { road: "the read role reads a file over the internet", isOpen: isOutsideOpen, steps: read("read", OUTSIDE) },
    { road: "the write role uploads a file through a named endpoint", isOpen: true, steps: write({}) },
    { road: "the write role uploads a file through another endpoint", isOpen: isOutsideOpen, steps: write(away) },
    {
      road: "a download URL is opened over the internet",
      isOpen: areUrlsOpen,
      steps: read("read", { ...PRESIGNED, ...OUTSIDE }),
    },
    {
      road: "a part is put to its URL over the internet",
      isOpen: areUrlsOpen,
      steps: write({ ...PRESIGNED, ...OUTSIDE }),
    },
    {
      road: "a download URL is opened through a named endpoint",
      isOpen: true,
      steps: read("read", PRESIGNED),
    },
    ...listPeopleRoads(site),
    ...listServiceRoads(configuration),
    ...network.roles.slice(0, 1).map((role) => ({
      road: `the role ${role.replace(/^.*\//, "")}, which the settings except, reads a file over the internet`,
      isOpen: role.split(":")[4] === site.account,
      steps: [{ principal: role, action: "s3:GetObject", resource: `${site.bucketArn}/${file}`, says: OUTSIDE }],
    })),
  ];
}

function listPeopleRoads(site: Site): Scenario[] {
  const somebody = (action: string, resource: string, says: Says = {}): Request => ({
    ...{ principal: site.arn("iam", "role/somebody", { region: "" }), action, resource },
    says: { ...OUTSIDE, ...says },
  });
  const file = `${site.bucketArn}/${site.keyPrefix}a`;
  const one = (road: string, isOpen: boolean, step: Request): Scenario => ({ road, isOpen, steps: [step] });
  return [
    one("an administrator reads a file through a named endpoint", true, {
      ...somebody("s3:GetObject", file),
      says: {},
    }),
    one("an administrator reads a file over the internet", false, somebody("s3:GetObject", file)),
    one("an administrator lists keys over the internet", false, somebody("s3:ListBucket", site.bucketArn)),
    one("an administrator deletes a version over the internet", false, somebody("s3:DeleteObjectVersion", file)),
    one(
      "a URL that an administrator signed is opened over the internet",
      false,
      somebody("s3:GetObject", file, PRESIGNED),
    ),
    one(
      "an administrator changes the bucket's policy over the internet",
      true,
      somebody("s3:PutBucketPolicy", site.bucketArn),
    ),
    one(
      "the verify role reads the bucket's policy over the internet",
      true,
      ask(site, ["verify", "s3:GetBucketPolicy", ""], OUTSIDE),
    ),
    one(
      "the verify role asks for the bucket over the internet",
      true,
      ask(site, ["verify", "s3:ListBucket", ""], OUTSIDE),
    ),
    one("a service-linked role of AWS reads a file from AWS's network", true, {
      principal: site.arn("iam", "role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie", {
        region: "",
      }),
      action: "s3:GetObject",
      resource: file,
      says: OUTSIDE,
    }),
    one(
      "an administrator's query by an AWS service reads a file",
      true,
      somebody("s3:GetObject", file, { "aws:ViaAWSService": "true" }),
    ),
  ];
}

/** Roles that AWS services assume, by logical id: purpose, action, and the folder of the key. */
const SERVICES: Readonly<Record<string, readonly [purpose: string, action: string, key: (site: Site) => string]>> = {
  FirehoseRole: ["firehose", "s3:PutObject", (site) => `${site.externalPrefix}firehose/a`],
  GuarddutyRole: ["guardduty", "s3:GetObject", (site) => `${site.keyPrefix}a`],
  LambdaRole: ["lambda", "s3:GetObject", (site) => `${site.keyPrefix}a`],
  BackupRole: ["backup", "s3:GetObject", (site) => `${site.keyPrefix}a`],
  SagemakerRole: ["sagemaker", "s3:GetObject", (site) => `${site.keyPrefix}a`],
};

function listServiceRoads({ site, template }: Configuration): Scenario[] {
  const roads = Object.entries(SERVICES).flatMap(([logicalId, [purpose, action, toKey]]): Scenario[] => {
    if (template.resources[logicalId] === undefined) return [];
    return [
      {
        road: `the role of ${purpose} does its work from AWS's network`,
        isOpen: true,
        steps: [ask(site, [purpose, action, toKey(site)], OUTSIDE)],
      },
    ];
  });
  const athena = (says: Says) => [
    ask(site, ["athena", "s3:GetObject", `${site.externalPrefix}a`], { ...OUTSIDE, ...says }),
  ];
  if (template.resources.AthenaRole !== undefined) {
    roads.push(
      { road: "Athena reads data for an analyst", isOpen: true, steps: athena({ "aws:ViaAWSService": "true" }) },
      { road: "an analyst reads the data over the internet", isOpen: false, steps: athena({}) },
    );
  }
  if (template.resources.CloudfrontDistribution !== undefined) {
    const distribution = site.arn("cloudfront", "distribution/standincloudfrontdistribution", { region: "" });
    const principal = site.principal("cloudfront");
    const request = { principal, action: "s3:GetObject", resource: `${site.bucketArn}/${site.keyPrefix}a` };
    const says = { "aws:SourceArn": distribution, ...OUTSIDE };
    roads.push({ road: "CloudFront reads a file from AWS's network", isOpen: true, steps: [{ ...request, says }] });
  }
  return roads;
}

function listGatewayRoads(configuration: Configuration): Scenario[] {
  const { site, settings } = configuration;
  const through = { "aws:SourceVpce": toGateway(configuration) };
  const arnOf = (bucket: string) => site.arn("s3", bucket, { region: "", account: "" });
  const read = (account: string, resource: string, says: Says = {}): Request => ({
    principal: site.arn("iam", "role/somebody", { region: "", account }),
    action: "s3:GetObject",
    resource,
    says: { ...through, ...says },
  });
  const foreign = { "aws:ResourceAccount": STRANGER };
  const layer = `${arnOf(`prod-${site.region}-starport-layer-bucket`)}/a`;
  const file = `${site.bucketArn}/${site.keyPrefix}a`;
  return [
    {
      road: "the read role reads a file through the gateway endpoint",
      isOpen: true,
      steps: [ask(site, ["read", "s3:GetObject", `${site.keyPrefix}a`], through)],
    },
    {
      road: "another account's credentials write into their own bucket through the gateway endpoint",
      isOpen: false,
      steps: [{ ...read(STRANGER, `${arnOf("elsewhere")}/a`, foreign), action: "s3:PutObject" }],
    },
    {
      road: "a role of this account reads a bucket that the endpoint does not lead to",
      isOpen: false,
      steps: [read(site.account, `${arnOf("elsewhere")}/a`)],
    },
    {
      road: "a role of this account reads a bucket of the same name that another account owns, through the endpoint",
      isOpen: false,
      steps: [read(site.account, file, foreign)],
    },
    {
      road: "a task pulls the layers of its image through the gateway endpoint",
      isOpen: true,
      steps: [read(STRANGER, layer, foreign)],
    },
    ...settings.network.buckets.slice(0, 1).map((bucket) => ({
      road: `a role of this account reads ${bucket}, which the settings name, through the endpoint`,
      isOpen: true,
      steps: [read(site.account, `${arnOf(bucket)}/a`)],
    })),
  ];
}

/** The endpoint by which a good request comes; undefined where files are given out by every way. */
export function findEndpoint(configuration: Configuration): string | undefined {
  const { network } = configuration.settings;
  return isFenced(network) ? (network.vpcEndpoints?.[0] ?? toGateway(configuration)) : undefined;
}

function toGateway({ settings }: Configuration): string {
  const { gatewayEndpoint } = settings.network;
  return typeof gatewayEndpoint === "string" ? gatewayEndpoint : MADE;
}
