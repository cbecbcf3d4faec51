/**
 * Who may do what with every service switched on (bucket `my-files`, account 111122223333, eu-central-1, with audit
 * anchors), written by hand from the documents of AWS and not from the code. Whatever is not here must be denied.
 */
export interface ExpectedActor {
  /** Service principal, or the purpose of a role: `role:firehose`. */
  readonly who: string;
  /** What AWS says with its requests beside the account: the source, the ACL. */
  readonly says?: Readonly<Record<string, string>>;
  /** Actions and names of samples (see sample-resources.ts), each separated by spaces. */
  readonly may: readonly (readonly [actions: string, on: string])[];
}

const ACL = { "s3:x-amz-acl": "bucket-owner-full-control" };
const HERE = "eu-central-1:111122223333";

/** Sluice's own roles. */
const SLUICE: readonly ExpectedActor[] = [
  {
    who: "role:write",
    may: [
      ["s3:PutObject s3:AbortMultipartUpload s3:ListMultipartUploadParts", "my-files/files/"],
      ["s3:GetObject s3:GetObjectVersion s3:DeleteObject s3:DeleteObjectVersion", "my-files/files/"],
      ["s3:PutObjectLegalHold", "my-files/files/"],
      ["s3:ListBucket", "my-files my-files?*"],
      ["s3:ListBucketMultipartUploads s3:ListBucketVersions s3:GetBucketLocation", "my-files"],
      ["s3:PutObject s3:GetObject", "my-files-anchors/"],
      // https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
      ["sts:AssumeRole sts:TagSession", "role:read"],
    ],
  },
  {
    who: "role:read",
    may: [
      ["s3:GetObject s3:GetObjectVersion", "my-files/files/"],
      ["s3:ListBucket", "my-files my-files?*"],
      ["s3:GetBucketLocation", "my-files"],
    ],
  },
  {
    // Settings of every bucket that the template makes, and of roles; no object. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
    who: "role:verify",
    may: [
      [
        "s3:GetAccelerateConfiguration s3:GetBucketCORS s3:GetBucketLocation s3:GetBucketLogging s3:GetBucketMetadataTableConfiguration s3:GetBucketNotification s3:GetBucketObjectLockConfiguration s3:GetBucketOwnershipControls s3:GetBucketPolicy s3:GetBucketPublicAccessBlock s3:GetBucketTagging s3:GetBucketVersioning s3:GetBucketWebsite s3:GetEncryptionConfiguration s3:GetIntelligentTieringConfiguration s3:GetInventoryConfiguration s3:GetLifecycleConfiguration s3:GetMetricsConfiguration s3:GetReplicationConfiguration",
        "my-files my-files-logs my-files-anchors my-files-replica",
      ],
      ["s3:ListBucket", "my-files my-files?* my-files-logs my-files-anchors my-files-replica"],
      ["iam:GetRole iam:GetRolePolicy iam:ListRolePolicies iam:ListAttachedRolePolicies", "role:*"],
      // The template's own, whose policies and keys Cloud Control reads. https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/security.html
      [
        "sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ListQueueTags",
        "sqs:files sqs:files-undelivered sqs:sns-undelivered sqs:eventbridge-undelivered sqs:opensearch-ingestion sqs:opensearch-ingestion-dead",
      ],
      [
        "sns:GetTopicAttributes sns:GetDataProtectionPolicy sns:ListSubscriptionsByTopic sns:ListTagsForResource",
        "sns:files sns:alarms",
      ],
      ["kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListResourceTags", "kms:sns"],
      // "another" is no managed rule, but the template's own.
      ["events:DescribeRule events:ListTargetsByRule events:ListTagsForResource", "events:another"],
      ["athena:GetWorkGroup athena:ListTagsForResource", "athena:workgroup"],
      // Settings whose actions know no resource, or one with an id that AWS makes up.
      [
        "backup:DescribeBackupVault backup:GetBackupVaultAccessPolicy backup:GetBackupVaultNotifications",
        "backup:another",
      ],
      ["backup:ListTags", "backup:recovery-point"],
      ["glue:GetConnection glue:GetDatabase", "glue:catalog"],
      ["glue:GetDatabase glue:GetTags", "glue:database glue:default"],
      ["logs:DescribeLogStreams", "logs:group:*"],
      // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiamaccessanalyzer.html
      ["access-analyzer:ValidatePolicy", "*"],
    ],
  },
];

/** Services that reach a bucket as themselves. */
const DELIVERIES: readonly ExpectedActor[] = [
  {
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    who: "logging.s3.amazonaws.com",
    says: { "aws:SourceArn": "arn:aws:s3:::my-files" },
    may: [["s3:PutObject", "my-files-logs/access/*"]],
  },
  {
    who: "logging.s3.amazonaws.com",
    says: { "aws:SourceArn": "arn:aws:s3:::my-files-anchors" },
    may: [["s3:PutObject", "my-files-logs/access/*"]],
  },
  {
    who: "logging.s3.amazonaws.com",
    says: { "aws:SourceArn": "arn:aws:s3:::my-files-replica" },
    may: [["s3:PutObject", "my-files-logs/access/replica/"]],
  },
  {
    // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
    who: "cloudtrail.amazonaws.com",
    says: { "aws:SourceArn": `arn:aws:cloudtrail:${HERE}:trail/my-files-cloudtrail`, ...ACL },
    may: [
      ["s3:GetBucketAcl", "my-files-logs"],
      ["s3:PutObject", "my-files-logs/cloudtrail/AWSLogs/111122223333/"],
      ["sts:AssumeRole", "role:cloudtrail"],
    ],
  },
  {
    // https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html
    who: "config.amazonaws.com",
    says: ACL,
    may: [
      ["s3:GetBucketAcl s3:ListBucket", "my-files-logs"],
      ["s3:PutObject", "my-files-logs/config/AWSLogs/111122223333/Config/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
    who: "delivery.logs.amazonaws.com",
    says: { "aws:SourceArn": "arn:aws:logs:us-east-1:111122223333:delivery-source:my-files-cloudfront", ...ACL },
    may: [
      ["s3:PutObject", "my-files-logs/cloudfront/"],
      ["logs:CreateLogStream", "logs:events"],
    ],
  },
  {
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html
    who: "delivery.logs.amazonaws.com",
    says: { "aws:SourceArn": `arn:aws:logs:${HERE}:delivery-source:any`, ...ACL },
    may: [
      ["s3:GetBucketAcl", "my-files-logs"],
      ["s3:PutObject", "my-files-logs/cloudwatch/AWSLogs/111122223333/"],
      ["logs:CreateLogStream", "logs:events"],
    ],
  },
  {
    // It brings EventBridge's lines into a log group: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    who: "delivery.logs.amazonaws.com",
    says: { "aws:SourceArn": `arn:aws:events:${HERE}:rule/my-files-eventbridge` },
    may: [["logs:CreateLogStream logs:PutLogEvents", "logs:events"]],
  },
  {
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html
    who: "s3.amazonaws.com",
    says: { "aws:SourceArn": "arn:aws:s3:::my-files", ...ACL },
    may: [
      ["s3:PutObject", "my-files-logs/inventory/"],
      ["sts:AssumeRole", "role:replication"],
    ],
  },
  {
    // https://docs.aws.amazon.com/macie/latest/user/discovery-results-repository-s3.html
    who: "macie.amazonaws.com",
    says: { "aws:SourceArn": `arn:aws:macie2:${HERE}:export-configuration:any` },
    may: [
      ["s3:GetBucketLocation", "my-files-logs"],
      ["s3:PutObject", "my-files-logs/macie/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage_lens_iam_permissions.html
    who: "storage-lens.s3.amazonaws.com",
    says: { "aws:SourceArn": `arn:aws:s3:${HERE}:storage-lens/my-files-lens`, ...ACL },
    may: [["s3:PutObject", "my-files-logs/storage-lens/StorageLens/111122223333/"]],
  },
  {
    // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    who: "cloudfront.amazonaws.com",
    says: { "aws:SourceArn": "arn:aws:cloudfront::111122223333:distribution/standincloudfrontdistribution" },
    may: [["s3:GetObject", "my-files/files/"]],
  },
  {
    who: "cloudfront.amazonaws.com",
    says: { "aws:SourceArn": "arn:aws:cloudfront::111122223333:distribution/another" },
    may: [],
  },
  {
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    who: "cloudwatch.amazonaws.com",
    says: { "aws:SourceArn": `arn:aws:cloudwatch:${HERE}:alarm:my-files-errors` },
    may: [["sns:Publish", "sns:alarms"]],
  },
];

/** EventBridge, by the rule on whose behalf it sends: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html */
const EVENTS: readonly ExpectedActor[] = [
  { rule: "sqs", may: [["sqs:SendMessage", "sqs:files sqs:files-undelivered"]] as const },
  {
    rule: "sns",
    may: [
      ["sts:AssumeRole", "role:sns"],
      ["sqs:SendMessage", "sqs:sns-undelivered"],
    ] as const,
  },
  {
    rule: "opensearch-ingestion",
    may: [["sqs:SendMessage", "sqs:opensearch-ingestion sqs:opensearch-ingestion-dead"]] as const,
  },
  {
    rule: "eventbridge",
    may: [
      ["sqs:SendMessage", "sqs:eventbridge-undelivered"],
      ["logs:PutLogEvents", "logs:events"],
    ] as const,
  },
  { rule: "another", may: [] },
].map(({ rule, may }) => ({
  who: "events.amazonaws.com",
  says: { "aws:SourceArn": `arn:aws:events:${HERE}:rule/my-files-${rule}` },
  // EventBridge names no rule when it makes a stream in a log group: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
  may: [...may, ["logs:CreateLogStream", "logs:events"] as const],
}));

/** Services that become a role, by the source on whose behalf; `ANY` where it is not known which. */
const TRUSTS: readonly ExpectedActor[] = (
  [
    ["ecs-tasks", `arn:aws:ecs:${HERE}:task/any`, "write read"],
    ["pods.eks", `arn:aws:eks:${HERE}:cluster/any`, "write read"],
    ["backup", `arn:aws:backup:${HERE}:backup-plan:any`, "backup"],
    ["batchoperations.s3", `arn:aws:s3:${HERE}:job/any`, "batch-operations"],
    ["bedrock", `arn:aws:bedrock:${HERE}:knowledge-base/any`, "bedrock"],
    ["comprehend", `arn:aws:comprehend:${HERE}:entities-detection-job/any`, "comprehend"],
    ["datasync", `arn:aws:datasync:${HERE}:location/any`, "datasync-read datasync-write"],
    ["dms", `arn:aws:dms:${HERE}:endpoint:any`, "dms"],
    ["ec2", "", "emr-ec2"],
    ["emr-serverless", `arn:aws:emr-serverless:${HERE}:/applications/any`, "emr-serverless"],
    ["firehose", `arn:aws:firehose:${HERE}:deliverystream/any`, "firehose"],
    ["glue", `arn:aws:glue:${HERE}:crawler/my-files-glue`, "glue lake-formation"],
    ["glue", `arn:aws:glue:${HERE}:crawler/another`, "lake-formation"],
    ["malware-protection-plan.guardduty", `arn:aws:guardduty:${HERE}:malware-protection-plan/any`, "guardduty"],
    ["lakeformation", "", "lake-formation"],
    ["lambda", `arn:aws:lambda:${HERE}:function:any`, "lambda"],
    ["mediaconvert", `arn:aws:mediaconvert:${HERE}:queues/Default`, "mediaconvert"],
    ["osis-pipelines", `arn:aws:osis:${HERE}:pipeline/any`, "opensearch-ingestion"],
    ["redshift", `arn:aws:redshift:${HERE}:cluster:any`, "redshift"],
    ["redshift-serverless", `arn:aws:redshift-serverless:${HERE}:workgroup/any`, "redshift"],
    ["sagemaker", `arn:aws:sagemaker:${HERE}:training-job/any`, "sagemaker"],
    ["ses", "arn:aws:ses:eu-west-1:111122223333:receipt-rule-set/any:receipt-rule/any", "ses"],
    ["states", `arn:aws:states:${HERE}:stateMachine:any`, "step-functions"],
    ["transfer", `arn:aws:transfer:${HERE}:user/any`, "transfer"],
    ["transfer", `arn:aws:transfer:${HERE}:server/any`, "transfer transfer-logging"],
  ] as const
).map(([service, source, roles]) => ({
  who: `${service}.amazonaws.com`,
  ...(source !== "" && { says: { "aws:SourceArn": source } }),
  may: [
    [
      // https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
      service === "pods.eks" ? "sts:AssumeRole sts:TagSession" : "sts:AssumeRole",
      roles.replace(/\S+/g, "role:$&"),
    ] as const,
  ],
}));

/** Everyone but the roles of services. */
export const EXPECTED_ACTORS: readonly ExpectedActor[] = [...SLUICE, ...DELIVERIES, ...EVENTS, ...TRUSTS];
