/** A resource to ask about, and what AWS says of the request because of it. */
export interface SampleResource {
  readonly arn: string;
  /** Actions that it can be asked for. */
  takes(action: string): boolean;
  readonly says?: Readonly<Record<string, string>>;
}

const HERE = "eu-central-1:111122223333";
const WRITERS = [
  ...[
    "athena",
    "batch-operations",
    "bedrock",
    "comprehend",
    "datasync",
    "dms",
    "emr",
    "firehose",
    "glue",
    "opensearch-ingestion",
  ],
  ...["mediaconvert", "redshift", "sagemaker", "ses", "step-functions", "transfer", "another"],
];
const LOGS = [
  ...["access/", "access/anchors/", "access/replica/", "batch-reports/", "cloudfront/", "inventory/", "macie/"],
  ...["cloudtrail/AWSLogs/111122223333/", "cloudwatch/AWSLogs/111122223333/", "config/AWSLogs/111122223333/Config/"],
  ...["storage-lens/StorageLens/111122223333/", "cloudtrail/AWSLogs/999988887777/", "another/"],
];

const OBJECT_ACTION =
  /^s3:(.*Object|.*Object(Version)?(Acl|LegalHold|Tagging|Version|VersionForReplication)|Restore.*|Abort.*|ListMultipart.*|Replicate.*)$/;
const takesObjects = (action: string) => OBJECT_ACTION.test(action);
const takesBuckets = (action: string) =>
  action.startsWith("s3:") && !takesObjects(action) && action !== "s3:ListAllMyBuckets";

const objects = (names: readonly string[]) =>
  names.map((name) => [name, { arn: `arn:aws:s3:::${name}sample`, takes: takesObjects }] as const);
const buckets = (names: readonly string[]) =>
  names.map((name) => [name, { arn: `arn:aws:s3:::${name}`, takes: takesBuckets }] as const);
/** Keys that are listed, by their prefix. */
const lists = (prefixes: readonly string[]) =>
  prefixes.map((prefix) => {
    const takes = (action: string) => action === "s3:ListBucket";
    return [`my-files?${prefix}`, { arn: "arn:aws:s3:::my-files", takes, says: { "s3:prefix": prefix } }] as const;
  });
const of = (service: string, arns: Readonly<Record<string, string>>, actions = new RegExp(`^${service}:`)) =>
  Object.entries(arns).map(([name, arn]) => {
    const full = `arn:aws:${service}:${arn}`;
    return [`${service}:${name}`, { arn: full, takes: (action: string) => actions.test(action) }] as const;
  });

/** Actions that know no resource. https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html */
const WITHOUT_RESOURCE =
  /^(s3:ListAllMyBuckets|events:ListRules|cloudwatch:(Get|Put)MetricData|ecr:GetAuthorizationToken|access-analyzer:ValidatePolicy)$/;

/** One of everything that a policy of the template could be about, and some that none may be, by short names. */
export function listSampleResources(roles: readonly string[]): ReadonlyMap<string, SampleResource> {
  const external = WRITERS.map((name) => `external/${name}/`);
  return new Map<string, SampleResource>([
    ...objects(["files/", ...external, "another/"].map((prefix) => `my-files/${prefix}`)),
    [
      "my-files/malware-protection-resource-validation-object",
      { arn: "arn:aws:s3:::my-files/malware-protection-resource-validation-object", takes: takesObjects },
    ],
    ...objects(LOGS.map((prefix) => `my-files-logs/${prefix}`)),
    ...objects(["my-files-anchors/", "my-files-replica/files/", "my-files-replica/another/", "not-ours/files/"]),
    ...buckets(["my-files", "my-files-logs", "my-files-anchors", "my-files-replica", "not-ours"]),
    ...lists(["files/", ...external, "another/"]),
    ...roles.map((arn) => [`role:${arn.replace(/^.*role\/my-files-/, "")}`, { arn, takes: takesRoles }] as const),
    ...of("sqs", {
      ...Object.fromEntries(
        ["files", "files-undelivered", "sns-undelivered", "eventbridge-undelivered"].map((name) => [
          name,
          `${HERE}:my-files-${name}`,
        ]),
      ),
      "opensearch-ingestion": `${HERE}:my-files-opensearch-ingestion`,
      "opensearch-ingestion-dead": `${HERE}:my-files-opensearch-ingestion-dead`,
      another: `${HERE}:another`,
    }),
    ...of("sns", { files: `${HERE}:my-files-files`, alarms: `${HERE}:my-files-alarms`, another: `${HERE}:another` }),
    ...of("athena", { workgroup: `${HERE}:workgroup/my-files-athena`, another: `${HERE}:workgroup/primary` }),
    ...of("glue", {
      catalog: `${HERE}:catalog`,
      database: `${HERE}:database/my_files_external`,
      table: `${HERE}:table/my_files_external/any`,
      default: `${HERE}:database/default`,
      another: `${HERE}:table/default/any`,
    }),
    ...of(
      "events",
      {
        backup: `${HERE}:rule/AwsBackupManagedRule-any`,
        guardduty: `${HERE}:rule/DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3-any`,
        another: `${HERE}:rule/my-files-sqs`,
      },
      /^events:(?!ListRules$)/,
    ),
    ...of("kms", { sns: `${HERE}:key/snskey`, another: `${HERE}:key/another` }),
    ...of("bedrock", {
      model: "eu-central-1::foundation-model/amazon.titan-embed-text-v2:0",
      another: "eu-central-1::foundation-model/another",
    }),
    ...of("backup", { "recovery-point": `${HERE}:recovery-point:any`, another: `${HERE}:backup-vault:any` }),
    ...of("ecr", { repository: `eu-central-1:763104351884:repository/any` }, /^ecr:(?!GetAuthorizationToken$)/),
    ...of(
      "logs",
      {
        cloudtrail: `${HERE}:log-group:/aws/cloudtrail/my-files-cloudtrail:log-stream:111122223333_CloudTrail_eu-central-1`,
        events: `${HERE}:log-group:/aws/events/my-files:log-stream:any`,
        firehose: `${HERE}:log-group:/aws/kinesisfirehose/my-files-firehose:log-stream:S3Delivery`,
        glue: `${HERE}:log-group:/aws-glue/crawlers:log-stream:any`,
        lambda: `${HERE}:log-group:/aws/lambda/my-files-any:log-stream:any`,
        sagemaker: `${HERE}:log-group:/aws/sagemaker/any:log-stream:any`,
        transfer: `${HERE}:log-group:/aws/transfer/any:log-stream:any`,
        another: `${HERE}:log-group:another:log-stream:any`,
      },
      /^logs:(CreateLogStream|PutLogEvents)$/,
    ),
    ...of(
      "logs",
      {
        "group:glue": `${HERE}:log-group:/aws-glue/crawlers`,
        "group:lambda": `${HERE}:log-group:/aws/lambda/my-files-any`,
        "group:sagemaker": `${HERE}:log-group:/aws/sagemaker/any`,
        "group:transfer": `${HERE}:log-group:/aws/transfer/any`,
        "group:another": `${HERE}:log-group:another`,
      },
      /^logs:(CreateLogGroup|DescribeLogStreams)$/,
    ),
    ["*", { arn: "*", takes: (action: string) => WITHOUT_RESOURCE.test(action) }],
  ]);
}

function takesRoles(action: string): boolean {
  return /^(sts|iam):/.test(action);
}
