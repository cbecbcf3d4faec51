import type { Configuration } from "../generate-configuration.ts";
import { type AccessRow, createAccessMatrix, listPassedRoles, type PassedRole } from "../policy/access-matrix.ts";
import { toConditionWords } from "../policy/access-words.ts";
import { nameKey } from "../policy/key-use.ts";
import { type Principal, toStatementJson } from "../policy/policy.ts";
import { MINIMAL_DIFFERENCE } from "../settings/minimal.ts";
import { isFenced } from "../settings/network.ts";
import { type ControlTowerExemption, findExemptions } from "../template/control-tower-exemptions.ts";
import { createEndpointPolicy } from "../template/gateway-endpoint.ts";
import type { Properties } from "../template/value.ts";
import { type ExplainedConsumer, explainConsumers } from "./explain-consumers.ts";
import { printCloudFormation } from "./print-cloudformation.ts";

/**
 * Bytes that CloudFormation takes without an S3 bucket in between.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
 */
const TEMPLATE_BODY_BYTES_MAX = 51_200;

/** All facts about a configuration: `sluice config explain --json`. */
export interface Explanation {
  readonly bucket: string;
  readonly region: string;
  readonly account: string;
  readonly residency: readonly string[];
  /** Undefined in a minimal file. */
  readonly logBucket: string | undefined;
  /** Undefined when the settings ask for no audit anchors. */
  readonly anchorBucket: string | undefined;
  readonly services: readonly {
    readonly name: string;
    readonly title: string;
    readonly gets: string;
    readonly road: readonly string[];
    readonly source: string;
    readonly notes: readonly string[];
  }[];
  /** Those of other accounts who use the bucket. */
  readonly consumers: readonly ExplainedConsumer[];
  /** The policy for the gateway endpoint that exists; undefined where there is none, or the template makes it. */
  readonly endpoint: { readonly id: string; readonly policy: Properties } | undefined;
  /** One row for each statement that allows something. */
  readonly access: readonly AccessRow[];
  /** One row for each statement that refuses something, whatever else allows it. */
  readonly guards: readonly AccessRow[];
  readonly passedRoles: readonly PassedRole[];
  /** Rules of AWS Control Tower that the template does not meet, and the reasons. */
  readonly exemptions: readonly ControlTowerExemption[];
  /** Sentences about the whole configuration. */
  readonly notes: readonly string[];
}

/** The explanation of a configuration. The same configuration gives the same explanation. */
export function createExplanation(configuration: Configuration): Explanation {
  const { settings, site, connections } = configuration;
  const rows = createAccessMatrix(configuration);
  return {
    bucket: site.bucket,
    region: site.region,
    account: site.account,
    residency: site.residency,
    logBucket: settings.minimal ? undefined : site.logBucket,
    anchorBucket: settings.anchors === false ? undefined : site.anchorBucket,
    services: connections.map(({ service: { name, title, gets, road, source }, connection: { notes = [] } }) => ({
      name,
      title,
      gets,
      road,
      source,
      notes,
    })),
    consumers: explainConsumers(configuration),
    endpoint: toEndpoint(configuration),
    access: rows.filter(({ effect }) => effect === "Allow"),
    guards: rows.filter(({ effect }) => effect === "Deny"),
    passedRoles: listPassedRoles(configuration),
    exemptions: findExemptions(configuration.template),
    notes: [
      ...(settings.minimal ? [MINIMAL_DIFFERENCE] : []),
      ...createDataNotes(configuration),
      ...createNetworkNotes(configuration),
      ...createDeployNotes(configuration),
    ],
  };
}

/** Notes about what happens to files apart from Sluice. */
function createDataNotes(configuration: Configuration): string[] {
  const { settings, site, connections } = configuration;
  const { lifecycle, presign, tls, minimal } = settings;
  const isOn = (...names: string[]) => connections.some(({ service }) => names.includes(service.name));
  const copies = connections.filter(({ service }) => ["replication", "backup", "datasync"].includes(service.name));
  return [
    `Purge needs s3:DeleteObjectVersion, which ${minimal ? "the role that Sluice runs under must have" : `${site.roleName("write")} has`}: in a versioned bucket a plain deletion leaves the bytes as an old version, for ${lifecycle.noncurrentDays} days here.`,
    `Replicas and backups keep erased files: a deleted version is never replicated, and a recovery point outlives the file.${copies.length === 0 ? "" : ` Switched on here: ${copies.map(({ service }) => service.title).join(", ")}; erase there as well.`}`,
    `Archive tiers break presigned downloads: an object in Glacier or in an archive tier of Intelligent-Tiering answers 403 until it is restored.${lifecycle.tieringDays === null ? "" : " The tiering of this template moves nothing there."}`,
    `Presigned URLs are refused ${presign.ageSecondsMax} s after they were signed, whatever lifetime was signed into them.`,
    ...createEncryptionNotes(configuration),
    ...(tls.own === "1.3" && !minimal
      ? [
          `Sluice's own roles must speak TLS 1.3 to S3. Behind an interface endpoint, which only has 1.2, set tls.own to "1.2".`,
        ]
      : []),
    `AWS services write only below ${site.externalPrefix}${minimal ? "; Sluice neither lists nor sweeps that." : ` and into ${site.logBucket}; Sluice neither lists nor sweeps either.`}`,
    ...(isOn("athena", "glue", "emr", "redshift")
      ? [
          "Where Lake Formation governs the Data Catalog, IAM alone is not enough: grant the roles of Athena, Glue, EMR and Redshift their permissions there, or leave the database to IAM (IAMAllowedPrincipals).",
        ]
      : []),
  ];
}

/** Notes about the encryption, and on what a key costs and needs. Prices: https://aws.amazon.com/kms/pricing/ */
function createEncryptionNotes({ settings, site, connections }: Configuration): string[] {
  if (site.keyArn === undefined) {
    return [
      "Every write is encrypted by SSE-S3. A writer that asks for KMS is refused: set it to SSE-S3 (AES256), or to name no encryption.",
    ];
  }
  const entrants = connections.flatMap(({ connection }) => connection.keyStatements ?? []);
  const grants = entrants.map(({ why, actions, principal, conditions = {} }) => {
    const { Principal } = toStatementJson({
      sid: "",
      why,
      source: "",
      actions,
      principal: principal as Principal,
    });
    const when = toConditionWords(conditions).join(" and ");
    return `The policy of ${nameKey(site)} must allow ${actions.join(" and ")} to ${JSON.stringify(Principal)}, if ${when}: ${why}`;
  });
  return [
    `Every write is encrypted by ${nameKey(site)}. A writer that asks for SSE-S3 or another key is refused: set it to this key, or to name no encryption. The service needs SLUICE_S3_ENCRYPTION=bucket.`,
    "A KMS key costs about 1 USD a month, and KMS charges about 0.03 USD for 10,000 requests. The bucket key makes S3 ask KMS once for many objects, so that requests for files cost next to nothing. SSE-S3 costs nothing.",
    "The log bucket and the audit anchors stay with SSE-S3: S3 delivers no access logs into a bucket whose default is a KMS key, and services that deliver reports need no key.",
    "Files from before the key stay as they were encrypted, until they are written again.",
    ...(settings.encryption === "kms"
      ? [
          "Whoever deletes the key deletes the files: it outlives the stack, and KMS waits 30 days. A stack that is made anew makes another key; to keep this one, name its ARN as `encryption`.",
        ]
      : [
          `The policy of ${nameKey(site)} must let the account's own policies allow kms:Decrypt and kms:GenerateDataKey, as the policy of a new key does; each role of the template then has what it needs.`,
          ...grants,
        ]),
  ];
}

function toEndpoint({ site, settings: { network }, buckets }: Configuration): Explanation["endpoint"] {
  const { gatewayEndpoint: id } = network;
  return typeof id === "string" ? { id, policy: createEndpointPolicy(site, network, buckets).toJson() } : undefined;
}

/** Notes about the networks that files are given out to. */
function createNetworkNotes({ settings: { network } }: Configuration): string[] {
  const { gatewayEndpoint, own } = network;
  const urls = {
    endpoints: `URLs that Sluice signs are opened through these endpoints, too; for browsers elsewhere, say network.own: urls.`,
    urls: `URLs that Sluice signs are opened from anywhere: who gets hold of the credentials of its roles can sign URLs as well, so the fence does not hold against that.`,
    anywhere: `Sluice itself comes from anywhere, and so do the URLs that it signs.`,
  };
  return [
    ...(isFenced(network)
      ? [
          `Files are given out through the named VPC endpoints alone. ${urls[own]} The bucket's settings are reached from everywhere, so that a deployment and \`sluice config verify\` need no endpoint. Roles that AWS services assume are exempt, that of Lambda among them; a function's credentials are as good outside as its role.`,
          'An interface endpoint of S3 has TLS 1.2 at most: where Sluice comes through one, set tls.own to "1.2".',
        ]
      : []),
    ...(typeof gatewayEndpoint === "object"
      ? [
          "All requests of the named route tables to S3 in this region go by the gateway endpoint: everything else there that uses S3 (package repositories, other applications) needs its bucket under network.buckets. A VPC's route table takes one gateway endpoint to S3: take out what it has.",
        ]
      : []),
  ];
}

/** Notes to read before the template is deployed. */
function createDeployNotes({ settings, template }: Configuration): string[] {
  const bytes = Buffer.byteLength(printCloudFormation(template));
  const size = `The template has ${Math.ceil(bytes / 1024)} KiB`;
  return [
    bytes > TEMPLATE_BODY_BYTES_MAX
      ? `${size}, and CloudFormation takes ${TEMPLATE_BODY_BYTES_MAX} bytes directly: deploy it from S3 (aws cloudformation deploy --s3-bucket ...).`
      : `${size}; above ${TEMPLATE_BODY_BYTES_MAX} bytes, with more services, it must be deployed from S3 (aws cloudformation deploy --s3-bucket ...).`,
    "The roles have names, so the deployment needs --capabilities CAPABILITY_NAMED_IAM.",
    settings.permissionsBoundary === undefined
      ? 'No permissions boundary bounds the roles; "permissionsBoundary" sets one on all of them.'
      : `Every role is bounded by ${settings.permissionsBoundary}: every action that this policy does not allow is refused, whatever the template says.`,
    "Buckets and their policies stay when the stack is deleted; remove them by hand once they are empty. What a deployment made that then fails is deleted with it, so that the next one finds no name taken.",
  ];
}
