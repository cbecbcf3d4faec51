import { createHash } from "node:crypto";
import type { Value } from "./value.ts";

const ROLE_NAME_LENGTH_MAX = 64; // IAM
const BUCKET_NAME_LENGTH_MAX = 63; // S3

/** The names that `createSite` uses. The settings' schema has checked all of them. */
export interface SiteNames {
  readonly bucket: string;
  readonly region: string;
  readonly account: string;
  readonly partition: Partition;
  readonly residency: readonly string[];
  readonly keyPrefix: string;
  readonly externalPrefix: string;
  readonly logBucket?: string | undefined;
  readonly anchorBucket?: string | undefined;
  readonly permissionsBoundary?: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Prefixes below which a file is read only once it was found clean; none when left out. */
  readonly gatedPrefixes?: readonly string[];
  /** Bucket that exists and takes the replicas; `{bucket}-replica` when left out. */
  readonly replicaBucket?: string | undefined;
  /** Purposes of the roles that use the Glue database; none when left out. */
  readonly catalogUsers?: readonly string[];
  /** ARN of the KMS key that encrypts the files; SSE-S3 when left out. */
  readonly keyArn?: Value | undefined;
}

/** AWS itself, its China regions, its GovCloud. */
export type Partition = "aws" | "aws-cn" | "aws-us-gov";

/** Where the bucket is and what everything around it is called. All names are known before anything is deployed. */
export interface Site
  extends Omit<SiteNames, "logBucket" | "anchorBucket" | "replicaBucket" | "gatedPrefixes" | "catalogUsers"> {
  readonly bucketArn: string;
  readonly logBucket: string;
  readonly logBucketArn: string;
  readonly anchorBucket: string;
  readonly anchorBucketArn: string;
  /** Where replicas go. */
  readonly replicaBucket: string;
  readonly gatedPrefixes: readonly string[];
  readonly catalogUsers: readonly string[];
  /** Whether every file of Sluice is read only once it was found clean. */
  readonly isGated: boolean;
  /** ARN of the bucket's objects below a prefix; of all when left out. */
  objects(prefix?: string): string;
  /** ARN of the log bucket's objects below a prefix. */
  logObjects(prefix: string): string;
  /** ARN in this account and region: `arn("sqs", "my-queue")`. Services without regions or accounts pass "". */
  arn(service: string, resource: string, options?: { region?: string; account?: string }): string;
  /** Name of a role: `{bucket}-{purpose}`. When it exceeds IAM's 64 characters, it is cut and ends in a hash. */
  roleName(purpose: string): string;
  roleArn(purpose: string): string;
  /** Name of a thing beside the bucket (a queue, a workgroup), made like a role's for at most `lengthMax` characters. */
  nameOf(purpose: string, lengthMax?: number): string;
  /** Ending of AWS's host names in this partition. */
  readonly dnsSuffix: "amazonaws.com" | "amazonaws.com.cn";
  /** The service's principal in this partition: `principal("firehose")` is `firehose.amazonaws.com`. */
  principal(service: string): string;
}

/** Services whose principal ends in `.amazonaws.com.cn` in the China regions; the others end in `.amazonaws.com` there too. */
const CHINESE_PRINCIPALS: ReadonlySet<string> = new Set(["ec2", "elasticmapreduce"]);

/** The site of checked settings. It never throws. */
export function createSite(names: SiteNames): Site {
  const { bucket, region, account, partition, gatedPrefixes = [], catalogUsers = [] } = names;
  const arn: Site["arn"] = (service, resource, options = {}) =>
    `arn:${partition}:${service}:${options.region ?? region}:${options.account ?? account}:${resource}`;
  const bucketArn = arn("s3", bucket, { region: "", account: "" });
  const logBucket = names.logBucket ?? shorten(`${bucket}-logs`, BUCKET_NAME_LENGTH_MAX);
  const logBucketArn = arn("s3", logBucket, { region: "", account: "" });
  const anchorBucket = names.anchorBucket ?? shorten(`${bucket}-anchors`, BUCKET_NAME_LENGTH_MAX);
  const nameOf: Site["nameOf"] = (purpose, lengthMax = ROLE_NAME_LENGTH_MAX) =>
    shorten(`${bucket.replaceAll(".", "-")}-${purpose}`, lengthMax);
  return {
    ...names,
    bucketArn,
    logBucket,
    logBucketArn,
    anchorBucket,
    anchorBucketArn: arn("s3", anchorBucket, { region: "", account: "" }),
    replicaBucket: names.replicaBucket ?? nameOf("replica", BUCKET_NAME_LENGTH_MAX),
    gatedPrefixes,
    catalogUsers,
    isGated: gatedPrefixes.some((prefix) => names.keyPrefix.startsWith(prefix)),
    objects: (prefix = "") => `${bucketArn}/${prefix}*`,
    logObjects: (prefix) => `${logBucketArn}/${prefix}*`,
    arn,
    roleName: (purpose) => nameOf(purpose),
    roleArn: (purpose) => arn("iam", `role/${nameOf(purpose)}`, { region: "" }),
    nameOf,
    dnsSuffix: partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com",
    principal: (service) =>
      `${service}.amazonaws.com${partition === "aws-cn" && CHINESE_PRINCIPALS.has(service) ? ".cn" : ""}`,
  };
}

/** The name, or as much of its start as leaves room for a hash of the whole: two long names stay different. */
function shorten(name: string, lengthMax: number): string {
  if (name.length <= lengthMax) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.slice(0, lengthMax - hash.length - 1).replace(/(?<!-)-+$/, "")}-${hash}`;
}
