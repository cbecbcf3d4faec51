import type { z } from "zod";
import type { AllowStatement, DenyStatement } from "../policy/policy.ts";
import type { SettingsProblem } from "../settings/settings-problem.ts";
import type { Partition, Site } from "../template/site.ts";
import type { Output, Resource } from "../template/template.ts";
import type { Properties } from "../template/value.ts";

/** One AWS service that may be connected to the bucket. Each has a file with its family in `services/`. */
export interface AwsService<Schema extends z.ZodObject = z.ZodObject> {
  /** Its switch in `services:` of sluice.aws.yaml, kebab-case. */
  readonly name: string;
  /** The name as AWS writes it: "Amazon Athena". */
  readonly title: string;
  /** The access that the service gets, in one sentence for docs/aws.md and `config explain`. */
  readonly gets: string;
  /** The mechanisms that let the service in. */
  readonly road: readonly ("bucket policy" | "log bucket policy" | "role" | "notification" | "bucket setting")[];
  /** The AWS document that describes the connection. */
  readonly source: string;
  /** Partitions that have the service; every one when left out. */
  readonly partitions?: readonly Partition[];
  /** The options that may replace `true`. Every field has a default or may be left out: `true` means `{}`. */
  readonly options: Schema;
  /** Everything in the options that contradicts the site (a region outside of residency) or each other; nothing when left out. */
  findProblems?(site: Site, options: z.output<Schema>): SettingsProblem[];
  /** All that lets the service in, and nothing else. Pure. The options are without problems. */
  connect(site: Site, options: z.output<Schema>): Connection;
}

/** The additions of one service to the template. */
export interface Connection {
  /** Resources by logical id, which starts with the service's name in PascalCase. */
  readonly resources?: Readonly<Record<string, Resource>>;
  /** Statements for the policy of the bucket of files. */
  readonly bucketStatements?: readonly PolicyStatement[];
  /** Statements for the policy of the log bucket, to which reports, trails and logs are delivered. */
  readonly logBucketStatements?: readonly PolicyStatement[];
  /** Statements for the policy of the KMS key of files, for principals that have no role here; used where there is a key. */
  readonly keyStatements?: readonly PolicyStatement[];
  /** Logical ids that must exist before that key: roles that its policy names. */
  readonly keyDependsOn?: readonly string[];
  /** Properties that are merged into the bucket's: objects by key, lists joined. */
  readonly bucketProperties?: Properties;
  /** Logical ids that must exist before the bucket (a queue's policy before S3 tries the queue). */
  readonly bucketDependsOn?: readonly string[];
  /** Existing buckets that the service copies files into. */
  readonly destinations?: readonly Destination[];
  readonly outputs?: Readonly<Record<string, Output>>;
  /** Sentences about what the user must know or do beside the template; `config explain` prints them. */
  readonly notes?: readonly string[];
}

/** A bucket of this account that the template does not make; `verify` checks that it is as described. */
export interface Destination {
  readonly bucket: string;
  readonly region: string;
}

/** A statement of a bucket's policy: it names its principal. */
export type PolicyStatement =
  | (AllowStatement & Required<Pick<AllowStatement, "principal" | "resources">>)
  | (DenyStatement & Required<Pick<DenyStatement, "principal" | "resources">>);

/** Keeps the type of the options between a service's schema and its `connect`. */
export function defineService<Schema extends z.ZodObject>(service: AwsService<Schema>): AwsService<Schema> {
  return service;
}
