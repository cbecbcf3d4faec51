import { createConsumerPolicy, createConsumerStatements, toPascal } from "./policy/consumers.ts";
import { createNetworkGuards } from "./policy/network-guards.ts";
import { findTakenSids, toOwnStatements } from "./policy/own-statements.ts";
import { Policy } from "./policy/policy.ts";
import { createSluiceRoles } from "./policy/sluice-roles.ts";
import type { AwsService, Connection } from "./services/aws-service.ts";
import { SERVICES } from "./services/services.ts";
import { assertWithinLimits } from "./settings/aws-limits.ts";
import { type Consumer, toConsumers } from "./settings/consumers.ts";
import { MINIMAL_DIFFERENCE } from "./settings/minimal.ts";
import type { Settings } from "./settings/settings.ts";
import { toSite } from "./settings/to-site.ts";
import { createAccessPoints } from "./template/access-points.ts";
import { createAnchorBucket } from "./template/anchor-bucket.ts";
import { createDataBucket } from "./template/data-bucket.ts";
import { createDataKey } from "./template/data-key.ts";
import { findPropertyConflicts } from "./template/existing-properties.ts";
import { createGatewayEndpoint } from "./template/gateway-endpoint.ts";
import { createLogBucket } from "./template/log-bucket.ts";
import { mergeProperties } from "./template/merge-properties.ts";
import type { Site } from "./template/site.ts";
import type { Output, Resource, Template } from "./template/template.ts";
import type { Properties } from "./template/value.ts";

/** A generated configuration, before it is printed in one of the formats. */
export interface Configuration {
  readonly settings: Settings;
  readonly site: Site;
  readonly template: Template;
  /** Those of other accounts who use the bucket. */
  readonly consumers: readonly Consumer[];
  /** Names of the buckets that the template makes, and of others that services copy files into. */
  readonly buckets: readonly string[];
  /** The services that are switched on, each with its additions. */
  readonly connections: readonly { readonly service: AwsService; readonly connection: Connection }[];
}

/**
 * The configuration of checked settings: the same settings give the same configuration. Needs no network.
 * Throws `SettingsProblem` for what would not fit AWS's limits, or an AggregateError of them for what the bucket cannot keep.
 */
export function generateConfiguration(settings: Settings): Configuration {
  const site = toSite(settings);
  const connections = SERVICES.filter(({ name }) => settings.services[name] !== undefined).map((service) => ({
    service,
    connection: service.connect(site, settings.services[service.name] as Record<string, unknown>),
  }));
  const added = connections.map(({ connection }) => connection);
  const consumers = toConsumers(site, settings.consumers);
  const services = added.flatMap(({ resources: more = {} }) => Object.values(more));
  const parts = {
    services: added.flatMap(({ bucketStatements = [] }) => bucketStatements),
    consumers: consumers.flatMap((consumer) => createConsumerStatements(site, consumer)),
    "statements of your own": toOwnStatements(settings.statements),
  };
  const dataKey = createDataKey(site, settings, {
    statements: added.flatMap(({ keyStatements = [] }) => keyStatements),
    dependsOn: added.flatMap(({ keyDependsOn = [] }) => keyDependsOn),
  });
  const own: Record<string, Resource> = {
    ...(!settings.minimal &&
      createLogBucket(
        site,
        settings,
        added.flatMap(({ logBucketStatements = [] }) => logBucketStatements),
      )),
    ...dataKey,
    ...createDataBucket(site, settings, {
      properties: added.reduce<Properties>(
        (all, { bucketProperties = {} }) => mergeProperties(all, bucketProperties),
        {},
      ),
      dependsOn: added.flatMap(({ bucketDependsOn = [] }) => bucketDependsOn),
      guards: createNetworkGuards(site, settings.network, { consumers, services }),
      statements: Object.values(parts).flat(),
    }),
    ...createAnchorBucket(site, settings),
  };
  const others: Record<string, Resource> = {};
  for (const { resources: more = {} } of added) addOnce(others, more);
  addOnce(others, createAccessPoints(site, consumers));
  const reached = listBuckets({ ...own, ...others }, added);
  addOnce(others, createGatewayEndpoint(site, settings.network, reached));
  const destinations = added.flatMap((one) => one.destinations ?? []);
  const verified = { others: { ...dataKey, ...others }, destinations };
  const resources: Record<string, Resource> = {
    ...own,
    ...(!settings.minimal && createSluiceRoles(site, settings, verified)),
  };
  addOnce(resources, others);
  const outputs = { ...createOutputs(site, settings), ...createConsumerOutputs(site, consumers) };
  for (const { outputs: more = {} } of added) addOnce(outputs, more);
  const template: Template = {
    description: `Bucket ${site.bucket} of Sluice, and the access of AWS services to it`,
    ...(settings.minimal && { comment: MINIMAL_DIFFERENCE }),
    rules: createRules(site),
    resources,
    outputs,
  };
  const { PolicyDocument } = (resources.DataBucketPolicy as Resource).properties;
  const taken = [
    ...findTakenSids(settings.statements, PolicyDocument as Policy),
    ...findPropertyConflicts((resources.DataBucket as Resource).properties),
  ];
  if (taken.length > 0) throw new AggregateError(taken, taken.map(({ message }) => message).join("\n"));
  assertWithinLimits(
    template,
    Object.fromEntries(Object.entries(parts).map(([whose, statements]) => [whose, new Policy(statements)])),
  );
  return { settings, site, template, connections, consumers, buckets: reached };
}

/**
 * Adds resources. Two services may share one (the Glue database): each brings it, letter for letter the same, and it is made
 * once. Two different resources under one name are a defect of ours.
 */
function addOnce<T>(all: Record<string, T>, more: Readonly<Record<string, T>>): void {
  for (const [name, one] of Object.entries(more)) {
    const before = all[name];
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(one)) {
      throw new Error(`two services make ${name}`);
    }
    all[name] = one;
  }
}

function listBuckets(resources: Readonly<Record<string, Resource>>, added: readonly Connection[]): string[] {
  const made = Object.values(resources).filter(({ type }) => type === "AWS::S3::Bucket");
  return [
    ...made.map(({ properties }) => String(properties.BucketName)),
    ...added.flatMap(({ destinations = [] }) => destinations.map(({ bucket }) => bucket)),
  ];
}

/** For each consumer, its account's side of the access. */
function createConsumerOutputs(site: Site, consumers: readonly Consumer[]): Record<string, Output> {
  return Object.fromEntries(
    consumers.flatMap((consumer) => {
      const { name, account, role, accessPoint } = consumer;
      const whose = role === undefined ? `roles of account ${account}` : `role ${role}`;
      const outputs: [string, Output][] = [
        [
          `Consumer${toPascal(name)}Policy`,
          {
            description: `policy that account ${account} attaches to ${whose}`,
            value: JSON.stringify(createConsumerPolicy(site, consumer).toJson()),
          },
        ],
      ];
      if (accessPoint === undefined) return outputs;
      const arn = { description: `what ${name} names in place of the bucket`, value: accessPoint.arn };
      return [...outputs, [`Consumer${toPascal(name)}AccessPointArn`, arn]];
    }),
  );
}

/** Every ARN in the template is literal, so the template belongs to one account and region: nowhere else it deploys. */
function createRules(site: Site): Template["rules"] {
  return {
    Residency: {
      assert: { "Fn::Contains": [[site.region], { Ref: "AWS::Region" }] },
      description: `Data stays in ${site.residency.join(", ")}; this template is for ${site.region} alone`,
    },
    Account: {
      assert: { "Fn::Contains": [[site.account], { Ref: "AWS::AccountId" }] },
      description: `This template names resources of account ${site.account}`,
    },
  };
}

/** The outputs that the environment of the service and of its deployment reads. */
function createOutputs(site: Site, { anchors, minimal }: Settings): Record<string, Output> {
  // Whoever makes a minimal file has just written the names themselves.
  if (minimal) return {};
  return {
    Bucket: { description: "SLUICE_S3_BUCKET", value: site.bucket },
    Region: { description: "SLUICE_S3_REGION", value: site.region },
    KeyPrefix: { description: "SLUICE_S3_KEY_PREFIX", value: site.keyPrefix },
    ...(site.keyArn !== undefined && { DataKeyArn: { description: "KMS key of the files", value: site.keyArn } }),
    LogBucket: { description: "bucket of logs and reports", value: site.logBucket },
    ...(anchors !== false && { AnchorBucket: { description: "bucket of audit anchors", value: site.anchorBucket } }),
    WriteRoleArn: {
      description: "role of Sluice's commands (task role)",
      value: { "Fn::GetAtt": ["WriteRole", "Arn"] },
    },
    ReadRoleArn: { description: "SLUICE_S3_READ_ROLE_ARN", value: { "Fn::GetAtt": ["ReadRole", "Arn"] } },
    VerifyRoleArn: { description: "role for sluice config verify", value: { "Fn::GetAtt": ["VerifyRole", "Arn"] } },
  };
}
