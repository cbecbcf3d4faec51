import type { z } from "zod";
import type { AllowStatement, DenyStatement } from "../policy/policy.ts";
import type { Partition, Site } from "../template/site.ts";
import type { Output, Resource } from "../template/template.ts";
import type { Properties } from "../template/value.ts";

/** One AWS service that may be connected to the bucket: one file of `services/` each. */
export interface AwsService<Schema extends z.ZodObject = z.ZodObject> {
  /** Its switch in `services:` of sluice.aws.yaml, kebab-case. */
  readonly name: string;
  /** As AWS writes it: "Amazon Athena". */
  readonly title: string;
  /** What it gets, in one sentence for docs/aws.md and `config explain`. */
  readonly gets: string;
  /** By what it is let in. */
  readonly road: readonly ("bucket policy" | "log bucket policy" | "role" | "notification" | "bucket setting")[];
  /** The AWS document that describes the connection. */
  readonly source: string;
  /** Partitions that have the service; every one when left out. */
  readonly partitions?: readonly Partition[];
  /** What may be said instead of `true`. Every field has a default or may be left out: `true` means `{}`. */
  readonly options: Schema;
  /**
   * All that lets the service in, and nothing else. Pure. Throws `SettingsProblem` for options that contradict the
   * site (a region outside of residency) or each other.
   */
  connect(site: Site, options: z.output<Schema>): Connection;
}

/** What one service adds to the template. */
export interface Connection {
  /** By logical id, which starts with the service's name in PascalCase. */
  readonly resources?: Readonly<Record<string, Resource>>;
  /** For the policy of the bucket of files. */
  readonly bucketStatements?: readonly PolicyStatement[];
  /** For the policy of the log bucket, where reports, trails and logs are delivered. */
  readonly logBucketStatements?: readonly PolicyStatement[];
  /** Merged into the bucket's properties: objects by key, lists joined. */
  readonly bucketProperties?: Properties;
  /** Logical ids that must exist before the bucket (a queue's policy before S3 tries the queue). */
  readonly bucketDependsOn?: readonly string[];
  /** Buckets that exist already and that the service copies files into. */
  readonly destinations?: readonly Destination[];
  readonly outputs?: Readonly<Record<string, Output>>;
  /** What the user must know or do beside the template, in sentences; told by `config explain`. */
  readonly notes?: readonly string[];
}

/** A bucket of this account that the template does not make; that it is as said is for `verify` to see. */
export interface Destination {
  readonly bucket: string;
  readonly region: string;
}

/** A statement of a bucket's policy: it names whom it is about. */
export type PolicyStatement =
  | (AllowStatement & Required<Pick<AllowStatement, "principal" | "resources">>)
  | (DenyStatement & Required<Pick<DenyStatement, "principal" | "resources">>);

/** Keeps the type of the options between a service's schema and its `connect`. */
export function defineService<Schema extends z.ZodObject>(service: AwsService<Schema>): AwsService<Schema> {
  return service;
}
