import type { Plain, PlainMap } from "./plain.ts";

/**
 * The readable facets of a bucket, each with the permissions that reading it takes. A facet has the name of its property of
 * `AWS::S3::Bucket`. `Region` and `Policy` are no properties: they are the bucket's region and its policy's document. Source:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
export const BUCKET_FACETS = {
  Region: ["s3:GetBucketLocation", "s3:ListBucket"],
  BucketEncryption: ["s3:GetEncryptionConfiguration"],
  OwnershipControls: ["s3:GetBucketOwnershipControls"],
  PublicAccessBlockConfiguration: ["s3:GetBucketPublicAccessBlock"],
  VersioningConfiguration: ["s3:GetBucketVersioning"],
  LifecycleConfiguration: ["s3:GetLifecycleConfiguration"],
  CorsConfiguration: ["s3:GetBucketCORS"],
  LoggingConfiguration: ["s3:GetBucketLogging"],
  NotificationConfiguration: ["s3:GetBucketNotification"],
  InventoryConfigurations: ["s3:GetInventoryConfiguration"],
  MetadataConfiguration: ["s3:GetBucketMetadataTableConfiguration"],
  MetricsConfigurations: ["s3:GetMetricsConfiguration"],
  IntelligentTieringConfigurations: ["s3:GetIntelligentTieringConfiguration"],
  ReplicationConfiguration: ["s3:GetReplicationConfiguration"],
  ObjectLockConfiguration: ["s3:GetBucketObjectLockConfiguration"],
  AccelerateConfiguration: ["s3:GetAccelerateConfiguration"],
  WebsiteConfiguration: ["s3:GetBucketWebsite"],
  Tags: ["s3:GetBucketTagging"],
  Policy: ["s3:GetBucketPolicy"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** One facet of a bucket. */
export type BucketFacet = keyof typeof BUCKET_FACETS;

/**
 * The readable facets of a role: `Role` is its own record (trust policy, boundary, tags), the others are properties of
 * `AWS::IAM::Role`. Source:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
 */
export const ROLE_FACETS = {
  Role: ["iam:GetRole"],
  Policies: ["iam:ListRolePolicies", "iam:GetRolePolicy"],
  ManagedPolicyArns: ["iam:ListAttachedRolePolicies"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** One facet of a role. */
export type RoleFacet = keyof typeof ROLE_FACETS;

/** Options that end a reading early. */
export interface ReadOptions {
  readonly signal: AbortSignal;
}

/** The region to ask for a bucket; when left out, the configuration's. */
export interface BucketReadOptions extends ReadOptions {
  readonly region?: string;
}

/**
 * The port to the deployed resources. Every answer is in the form of CloudFormation's properties, whatever form the API has,
 * and undefined when nothing is configured. Every method throws `LiveAwsProblem` when something cannot be read, and the
 * signal's reason once it is aborted. A bucket, role or other resource that does not exist is the problem `missing`.
 */
export interface LiveAws {
  /** `Region` is a text, `Policy` a document; all others are lists and maps. */
  readBucket(bucket: string, facet: BucketFacet, options: BucketReadOptions): Promise<Plain | undefined>;
  /**
   * `Role` is `{AssumeRolePolicyDocument, Path, MaxSessionDuration, Description?, PermissionsBoundary?, Tags?}`;
   * `Policies` a list of `{PolicyName, PolicyDocument}`; `ManagedPolicyArns` a list of texts. Both lists are
   * undefined when they would be empty.
   */
  readRole(role: string, facet: RoleFacet, options: ReadOptions): Promise<Plain | undefined>;
  /** Properties of a resource of any type of READABLE_TYPES; a policy may be a document or its text. */
  readResource(type: string, identifier: string, options: ReadOptions): Promise<PlainMap>;
  /** Identifiers of the resources of that type, at most RESOURCES_LISTED_MAX; with `within`, of one parent alone. */
  listResources(type: string, options: ReadOptions & { readonly within?: PlainMap }): Promise<string[]>;
}

/** Resources of one type that are listed: more of one type in one account and region are not looked through. */
export const RESOURCES_LISTED_MAX = 500;

/** The kinds of reasons why something could not be read. */
export type LiveAwsProblemKind =
  /** There are no credentials, or they are unknown or have expired: nothing can be read. */
  | "credentials"
  /** The bucket or role does not exist. */
  | "missing"
  /** The bucket is in another region: `region`, when it is known. */
  | "elsewhere"
  /** These credentials may not read it. */
  | "denied"
  /** This endpoint does not have it. */
  | "unsupported"
  /** There was no answer, or none that makes sense. */
  | "failed";

/** The obstacle to one reading, in a sentence. */
export class LiveAwsProblem extends Error {
  override readonly name = "LiveAwsProblem";
  readonly kind: LiveAwsProblemKind;
  readonly region: string | undefined;
  /** For `denied`: the permission that is missing when AWS names it, or else all that the reading takes. */
  readonly permissions: readonly string[];

  constructor(
    kind: LiveAwsProblemKind,
    message: string,
    options: { cause?: unknown; region?: string | undefined; permissions?: readonly string[] } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.region = options.region;
    this.permissions = options.permissions ?? [];
  }
}
