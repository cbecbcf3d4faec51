import { z } from "zod";
import { SERVICES } from "../services/services.ts";
import type { Partition } from "../template/site.ts";
import { accountId, bucketName, eventBusArn, prefix, regionName } from "./aws-names.ts";
import { consumers } from "./consumers.ts";
import { existing } from "./existing.ts";
import { network } from "./network.ts";
import { statements } from "./own-statements.ts";

const DAYS_MAX = 36_500;
const BUCKET_POLICY_AGE_SECONDS_MAX = 604_800; // a presigned URL lives seven days at most (SigV4)

/** Buses that Sluice sends events to: each takes up to 350 bytes of its role's policy, which has room for 10 KiB. */
const EVENT_BUSES_MAX = 10;

/** Bounds and letters of tags: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html */
const TAGS_MAX = 50;
const TAG_LETTERS = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

const tags = z.record(z.string(), z.string().max(256)).superRefine((said, context) => {
  const refuse = (message: string, path: string[] = []) => context.addIssue({ code: "custom", message, path });
  const count = Object.keys(said).length;
  if (count > TAGS_MAX) refuse(`AWS takes ${TAGS_MAX} tags of a resource, and these are ${count}`);
  for (const [key, value] of Object.entries(said)) {
    if (key.length < 1 || key.length > 128) refuse("a tag's key has 1 to 128 characters", [key]);
    if (/^aws:/i.test(key)) refuse('keys of tags that begin with "aws:" are kept by AWS for itself', [key]);
    if (!TAG_LETTERS.test(key) || !TAG_LETTERS.test(value)) {
      refuse("a tag has letters, digits, spaces and _ . : / = + - @ alone", [key]);
    }
  }
});

const days = (least: number) => z.int().min(least).max(DAYS_MAX);

/** One switch: `true`, `false` or its options. */
const services = z.strictObject(
  Object.fromEntries(SERVICES.map(({ name, options }) => [name, z.union([z.boolean(), options]).optional()])),
);

/** The schema of `sluice.aws.yaml`, with every default. The `description` of a field is its documentation. */
export const SETTINGS_SCHEMA = z.strictObject({
  bucket: bucketName.describe("bucket that keeps the files"),
  region: regionName.describe("region of the bucket"),
  account: accountId.describe("AWS account that owns the bucket"),
  encryption: z
    .union([
      z.enum(["sse-s3", "kms"]),
      z
        .string()
        .regex(
          /^arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/,
          'say "sse-s3", "kms" or the ARN of a KMS key',
        ),
    ])
    .default("sse-s3")
    .describe("encryption of the files: `sse-s3`, `kms` (makes a key, which costs money) or the ARN of a KMS key"),
  residency: z
    .array(regionName)
    .min(1)
    .optional()
    .describe("regions that data may be in; the bucket's own when left out"),
  keyPrefix: prefix
    .default("files/")
    .describe("prefix of Sluice's own keys; the same as the service's SLUICE_S3_KEY_PREFIX"),
  externalPrefix: prefix
    .default("external/")
    .describe("prefix below which AWS services write; Sluice never lists or sweeps it"),
  logBucket: bucketName.optional().describe("bucket for logs and reports; `{bucket}-logs` when left out"),
  anchorBucket: bucketName.optional().describe("bucket for audit anchors; `{bucket}-anchors` when left out"),
  anchors: z
    .union([
      z.literal(false),
      z.strictObject({ mode: z.enum(["GOVERNANCE", "COMPLIANCE"]).default("GOVERNANCE"), days: days(1).default(365) }),
    ])
    .default(false)
    .describe("a bucket under Object Lock for the heads of the audit chain: `mode` and `days`"),
  eventBuses: z
    .array(eventBusArn)
    .max(EVENT_BUSES_MAX)
    .default([])
    .describe(
      "ARNs of buses that Sluice sends the events of subscriptions to; the same as the service's SLUICE_EVENT_BUSES",
    ),
  tls: z
    .strictObject({ own: z.enum(["1.2", "1.3"]).default("1.3") })
    .prefault({})
    .describe('`own`: least TLS of Sluice\'s roles; "1.2" where they use an interface endpoint'),
  lifecycle: z
    .strictObject({
      abortMultipartDays: z
        .int()
        .min(7, "Sluice keeps an upload for up to 6 days; abort after 7 at the earliest")
        .max(DAYS_MAX)
        .default(7),
      noncurrentDays: days(1).default(30),
      tieringDays: z.union([z.null(), days(0)]).default(30),
      logDays: days(1).default(365),
    })
    .prefault({})
    .describe(
      "days until unfinished uploads, old versions and logs are removed and files tiered (`tieringDays: null`: never)",
    ),
  cors: z
    .strictObject({
      origins: z
        .array(z.string().regex(/^https?:\/\/[^/*]+$/, 'an origin is scheme and host: "https://app.example.com"'))
        .max(100)
        .default([]),
    })
    .prefault({})
    .describe("`origins` of pages that send parts and read downloads directly"),
  presign: z
    .strictObject({ ageSecondsMax: z.int().min(1).max(BUCKET_POLICY_AGE_SECONDS_MAX).default(3600) })
    .prefault({})
    .describe("`ageSecondsMax`: presigned URLs are refused this long after they were signed"),
  compute: z
    .strictObject({
      ecs: z.boolean().default(true),
      podIdentity: z.boolean().default(true),
      irsa: z
        .strictObject({
          provider: z
            .string()
            .regex(
              /^oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/id\/[A-Z0-9]+$/,
              "the cluster's OIDC issuer without https://",
            ),
          namespace: z.string().regex(/^[a-z0-9-]{1,63}$/),
          serviceAccount: z.string().regex(/^[a-z0-9.-]{1,253}$/),
        })
        .optional(),
    })
    .refine(
      ({ ecs, podIdentity, irsa }) => ecs || podIdentity || irsa !== undefined,
      "somebody must be able to assume Sluice's roles: switch on ecs, podIdentity or irsa",
    )
    .prefault({})
    .describe("where Sluice runs: `ecs`, `podIdentity`, `irsa` (provider, namespace, serviceAccount)"),
  consumers,
  statements,
  network,
  existing,
  permissionsBoundary: z
    .string()
    .regex(/^arn:aws(-cn|-us-gov)?:iam::(\d{12}|aws):policy\/.+$/, "a permissions boundary is the ARN of a policy")
    .optional()
    .describe("ARN of a policy that bounds every role of the template"),
  tags: tags.default({}).describe("tags of every resource that takes them, 50 at most"),
  minimal: z
    .boolean()
    .default(false)
    .describe(
      "whether to make only the bucket and what the named services need: no log bucket, none of Sluice's own roles",
    ),
  services: services.prefault({}).describe("AWS services to connect: `name: true`, or its options"),
});

/** Checked settings with their defaults. When `residency` and the partition are not given, they follow from the region. */
export type Settings = Omit<z.output<typeof SETTINGS_SCHEMA>, "residency" | "services"> & {
  readonly residency: readonly string[];
  readonly partition: Partition;
  /** Options of the services that are switched on, in the order of SERVICES. */
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

/** Partition of a region. */
export function toPartition(region: string): Partition {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
