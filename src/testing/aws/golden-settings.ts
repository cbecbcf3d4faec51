import { SERVICES } from "../../aws/services/services.ts";
import { toPartition } from "../../aws/settings/settings.ts";

/** The least that settings say. */
export const SMALLEST_SETTINGS = { bucket: "my-files", region: "eu-central-1", account: "111122223333" } as const;

/** Settings as sluice.aws.yaml says them, before they are checked. */
export type SaidSettings = Readonly<Record<string, unknown>> & { readonly region: string };

/** The smallest settings with services switched on; `more` overrides the rest. */
export function withServices(names: readonly string[], more: Readonly<Record<string, unknown>> = {}): SaidSettings {
  return { ...SMALLEST_SETTINGS, services: Object.fromEntries(names.map((name) => [name, true])), ...more };
}

/** Names of the services that a region's partition has. */
export function servicesOf(region: string): string[] {
  const partition = toPartition(region);
  return SERVICES.filter(({ partitions }) => partitions?.includes(partition) ?? true).map(({ name }) => name);
}

/** Every set of two names, in the order of the names. */
export function pairsOf(names: readonly string[]): (readonly [string, string])[] {
  return names.flatMap((one, at) => names.slice(at + 1).map((other) => [one, other] as const));
}

/** Configurations as they are really used, by name: each leads through another part of the generator. */
export const GOLDEN_SETTINGS = {
  smallest: SMALLEST_SETTINGS,
  minimal: withServices(["lambda"], { minimal: true }),
  everything: withServices(servicesOf("eu-central-1"), {
    residency: ["eu-central-1", "eu-west-1"],
    anchors: { mode: "COMPLIANCE", days: 3650 },
    cors: { origins: ["https://app.example.com"] },
    compute: {
      irsa: {
        provider: "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE",
        namespace: "files",
        serviceAccount: "sluice",
      },
    },
    permissionsBoundary: "arn:aws:iam::111122223333:policy/boundary",
    tags: { Team: "files", CostCenter: "4711" },
  }),
  kms: withServices(["athena", "cloudfront", "firehose", "macie", "replication", "transfer"], { encryption: "kms" }),
  events: withServices(["eventbridge", "lambda", "sns", "sqs", "step-functions"], {
    eventBuses: ["arn:aws:events:eu-central-1:111122223333:event-bus/files"],
  }),
  "direct-queue": {
    ...SMALLEST_SETTINGS,
    keyPrefix: "tenants/files/",
    services: { eventbridge: true, sqs: { delivery: "direct" } },
  },
  analytics: withServices(["athena", "emr", "firehose", "glue", "redshift"], { externalPrefix: "lake/" }),
  compliance: withServices(["cloudtrail", "config", "guardduty", "inventory", "macie", "storage-lens"], {
    anchors: { mode: "COMPLIANCE", days: 3650 },
    logBucket: "audit-logs-of-my-files",
    anchorBucket: "audit-anchors-of-my-files",
    lifecycle: { logDays: 3650, noncurrentDays: 365, tieringDays: null },
  }),
  kubernetes: {
    ...SMALLEST_SETTINGS,
    bucket: "files.example.com",
    tls: { own: "1.2" },
    compute: {
      ecs: false,
      podIdentity: false,
      irsa: {
        provider: "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE",
        namespace: "files",
        serviceAccount: "sluice",
      },
    },
    permissionsBoundary: "arn:aws:iam::111122223333:policy/boundary",
  },
  china: withServices(servicesOf("cn-north-1"), { region: "cn-north-1" }),
  govcloud: withServices(servicesOf("us-gov-west-1"), { region: "us-gov-west-1" }),
  others: withServices(["guardduty"], {
    consumers: [
      { name: "reports", role: "arn:aws:iam::444455556666:role/reports" },
      {
        name: "thumbnails",
        role: "arn:aws:iam::444455556666:role/thumbnails",
        function: "arn:aws:lambda:eu-central-1:444455556666:function:thumbnails",
        access: "both",
        accessPoint: true,
      },
    ],
    statements: [
      {
        Sid: "PartnersRead",
        Effect: "Allow",
        Principal: { AWS: ["arn:aws:iam::555566667777:role/partner", "666677778888"] },
        Action: "s3:GetObject",
        Resource: "arn:aws:s3:::my-files/external/shared/*",
        Condition: { StringEquals: { "aws:PrincipalTag/team": "partner" } },
      },
    ],
  }),
  fenced: withServices(["athena", "firehose"], {
    network: {
      gatewayEndpoint: { vpc: "vpc-0123456789abcdef0", routeTables: ["rtb-0123456789abcdef0"] },
      buckets: ["packages"],
      vpcEndpoints: ["vpce-0123456789abcdef0"],
      own: "urls",
    },
    tags: { Team: "files" },
  }),
  "longest-names": withServices(servicesOf("ap-southeast-2"), {
    bucket: "a-bucket-whose-name-has-as-many-characters-as-s3-takes-63-of-it",
    region: "ap-southeast-2",
    tags: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`tag-${at}`, "value of the tag"])),
  }),
} as const satisfies Readonly<Record<string, SaidSettings>>;
