import type { ExpectedActor } from "./expected-access.ts";

/** What the roles of services may do, by hand from each service's document; see expected-access.ts. */
export const EXPECTED_ROLES: readonly ExpectedActor[] = [
  {
    // https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
    who: "role:athena",
    may: [
      ["s3:GetObject", "my-files/external/*"],
      ["s3:PutObject s3:AbortMultipartUpload s3:ListMultipartUploadParts", "my-files/external/athena/"],
      ["s3:ListBucket", "my-files?external/*"],
      ["s3:GetBucketLocation s3:ListBucketMultipartUploads", "my-files"],
      [
        "athena:GetWorkGroup athena:StartQueryExecution athena:StopQueryExecution athena:GetQueryExecution athena:BatchGetQueryExecution athena:ListQueryExecutions athena:GetQueryResults athena:GetQueryResultsStream athena:GetQueryRuntimeStatistics",
        "athena:workgroup",
      ],
      // https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
      ["glue:GetDatabase", "glue:catalog glue:database glue:default"],
      [
        "glue:GetTable glue:GetTables glue:GetPartition glue:GetPartitions glue:BatchGetPartition",
        "glue:catalog glue:database glue:table",
      ],
    ],
  },
  {
    // https://docs.aws.amazon.com/aws-backup/latest/devguide/s3-backups.html#s3-backup-permissions
    who: "role:backup",
    may: [
      [
        "s3:GetInventoryConfiguration s3:PutInventoryConfiguration s3:ListBucketVersions s3:GetBucketVersioning s3:GetBucketNotification s3:PutBucketNotification s3:GetBucketLocation s3:GetBucketTagging s3:GetBucketAcl",
        "my-files",
      ],
      ["s3:ListBucket", "my-files my-files?*"],
      [
        "s3:GetObject s3:GetObjectAcl s3:GetObjectTagging s3:GetObjectVersion s3:GetObjectVersionAcl s3:GetObjectVersionTagging",
        "my-files/*",
      ],
      [
        "events:PutRule events:DeleteRule events:DescribeRule events:EnableRule events:DisableRule events:PutTargets events:RemoveTargets events:ListTargetsByRule",
        "events:backup",
      ],
      ["cloudwatch:GetMetricData events:ListRules s3:ListAllMyBuckets", "*"],
      ["backup:TagResource", "backup:recovery-point"],
    ],
  },
  {
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-iam-role-policies.html
    who: "role:batch-operations",
    may: [
      [
        "s3:GetObjectTagging s3:GetObjectVersionTagging s3:PutObjectTagging s3:PutObjectVersionTagging",
        "my-files/files/",
      ],
      ["s3:GetObject s3:GetObjectVersion", "my-files-logs/inventory/"],
      ["s3:PutObject", "my-files-logs/batch-reports/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
    who: "role:bedrock",
    may: [
      ["s3:GetObject", "my-files/files/ my-files/external/bedrock/"],
      ["s3:ListBucket", "my-files?files/ my-files?external/bedrock/"],
      ["bedrock:InvokeModel", "bedrock:model"],
    ],
  },
  {
    // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
    who: "role:cloudtrail",
    may: [["logs:CreateLogStream logs:PutLogEvents", "logs:cloudtrail"]],
  },
  {
    // https://docs.aws.amazon.com/comprehend/latest/dg/security_iam_id-based-policy-examples.html
    who: "role:comprehend",
    may: [
      ["s3:GetObject", "my-files/files/"],
      ["s3:ListBucket", "my-files?files/"],
      ["s3:PutObject", "my-files/external/comprehend/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.S3.html#CHAP_Target.S3.Prerequisites
    who: "role:dms",
    may: [
      ["s3:PutObject s3:PutObjectTagging s3:DeleteObject", "my-files/external/dms/"],
      ["s3:ListBucket", "my-files?external/dms/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/lake-formation/latest/dg/registration-role.html
    who: "role:lake-formation",
    may: [
      ["s3:GetObject", "my-files/external/*"],
      ["s3:ListBucket", "my-files?external/*"],
    ],
  },
  {
    // https://docs.aws.amazon.com/mediaconvert/latest/ug/iam-role.html
    who: "role:mediaconvert",
    may: [
      ["s3:GetObject", "my-files/files/"],
      ["s3:PutObject s3:AbortMultipartUpload", "my-files/external/mediaconvert/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html
    who: "role:ses",
    may: [["s3:PutObject", "my-files/external/ses/"]],
  },
  {
    // https://docs.aws.amazon.com/datasync/latest/userguide/create-s3-location.html#create-s3-location-required-permissions
    who: "role:datasync-read",
    may: [
      ["s3:GetBucketLocation s3:ListBucketMultipartUploads", "my-files"],
      ["s3:ListBucket", "my-files my-files?*"],
      [
        "s3:GetObject s3:GetObjectTagging s3:GetObjectVersion s3:GetObjectVersionTagging s3:ListMultipartUploadParts",
        "my-files/files/",
      ],
    ],
  },
  {
    who: "role:datasync-write",
    may: [
      ["s3:GetBucketLocation s3:ListBucketMultipartUploads", "my-files"],
      ["s3:ListBucket", "my-files my-files?*"],
      [
        "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:GetObjectTagging s3:GetObjectVersion " +
          "s3:GetObjectVersionTagging s3:ListMultipartUploadParts s3:PutObject s3:PutObjectTagging",
        "my-files/external/datasync/",
      ],
    ],
  },
  ...["emr-ec2", "emr-serverless"].map((purpose) => ({
    // https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/security-iam-runtime-role.html
    who: `role:${purpose}`,
    may: [
      ["s3:GetObject", "my-files/external/*"],
      ["s3:PutObject s3:DeleteObject s3:AbortMultipartUpload s3:ListMultipartUploadParts", "my-files/external/emr/"],
      ["s3:ListBucket", "my-files?external/*"],
      ["s3:GetBucketLocation", "my-files"],
    ] as const,
  })),
  {
    // https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
    who: "role:firehose",
    may: [
      ["s3:GetObject s3:PutObject s3:AbortMultipartUpload", "my-files/external/firehose/"],
      ["s3:ListBucket", "my-files my-files?*"],
      ["s3:GetBucketLocation s3:ListBucketMultipartUploads", "my-files"],
      ["logs:PutLogEvents", "logs:firehose"],
    ],
  },
  {
    // https://docs.aws.amazon.com/glue/latest/dg/crawler-prereqs.html
    who: "role:glue",
    may: [
      ["s3:GetObject", "my-files/external/*"],
      ["s3:ListBucket", "my-files?external/*"],
      ["s3:GetBucketLocation", "my-files"],
      [
        "glue:GetTable glue:GetTables glue:CreateTable glue:UpdateTable glue:GetPartition glue:GetPartitions glue:BatchGetPartition glue:CreatePartition glue:BatchCreatePartition glue:UpdatePartition glue:BatchUpdatePartition",
        "glue:catalog glue:database glue:table",
      ],
      ["glue:GetDatabase", "glue:catalog glue:database"],
      ["logs:CreateLogGroup", "logs:group:glue"],
      ["logs:CreateLogStream logs:PutLogEvents", "logs:glue"],
    ],
  },
  {
    // https://docs.aws.amazon.com/guardduty/latest/ug/malware-protection-s3-iam-policy-prerequisite.html
    who: "role:guardduty",
    says: { "events:ManagedBy": "malware-protection-plan.guardduty.amazonaws.com" },
    may: [
      [
        "events:PutRule events:DeleteRule events:PutTargets events:RemoveTargets events:DescribeRule events:ListTargetsByRule",
        "events:guardduty",
      ],
      ["s3:GetBucketNotification s3:PutBucketNotification", "my-files"],
      ["s3:ListBucket", "my-files my-files?*"],
      [
        "s3:GetObject s3:GetObjectVersion s3:GetObjectTagging s3:PutObjectTagging s3:GetObjectVersionTagging s3:PutObjectVersionTagging",
        "my-files/files/",
      ],
      ["s3:PutObject", "my-files/malware-protection-resource-validation-object"],
    ],
  },
  {
    // https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
    who: "role:lambda",
    may: [
      ["s3:GetObject", "my-files/files/"],
      ["logs:CreateLogGroup", "logs:group:lambda"],
      ["logs:CreateLogStream logs:PutLogEvents", "logs:lambda"],
    ],
  },
  {
    // https://docs.aws.amazon.com/opensearch-service/latest/developerguide/configure-client-s3.html
    who: "role:opensearch-ingestion",
    may: [
      ["s3:GetObject", "my-files/files/"],
      ["s3:PutObject", "my-files/external/opensearch-ingestion/"],
      [
        "sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility sqs:GetQueueAttributes",
        "sqs:opensearch-ingestion",
      ],
    ],
  },
  {
    // https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html
    who: "role:redshift",
    may: [
      ["s3:GetObject", "my-files/external/*"],
      ["s3:ListBucket", "my-files?external/*"],
      ["s3:GetBucketLocation", "my-files"],
      ["s3:PutObject s3:AbortMultipartUpload", "my-files/external/redshift/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
    who: "role:replication",
    may: [
      ["s3:GetReplicationConfiguration", "my-files"],
      ["s3:ListBucket", "my-files my-files?*"],
      ["s3:GetObjectVersionForReplication s3:GetObjectVersionAcl s3:GetObjectVersionTagging", "my-files/files/"],
      ["s3:ReplicateObject s3:ReplicateDelete s3:ReplicateTags", "my-files-replica/files/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
    who: "role:sagemaker",
    says: { "cloudwatch:namespace": "/aws/sagemaker/TrainingJobs", "iam:PassedToService": "sagemaker.amazonaws.com" },
    may: [
      ["s3:GetObject", "my-files/files/ my-files/external/sagemaker/"],
      ["s3:PutObject s3:AbortMultipartUpload", "my-files/external/sagemaker/"],
      ["s3:ListBucket", "my-files?files/ my-files?external/sagemaker/"],
      ["logs:CreateLogGroup logs:DescribeLogStreams", "logs:group:sagemaker"],
      ["logs:CreateLogStream logs:PutLogEvents", "logs:sagemaker"],
      ["cloudwatch:PutMetricData ecr:GetAuthorizationToken", "*"],
      ["ecr:BatchCheckLayerAvailability ecr:GetDownloadUrlForLayer ecr:BatchGetImage", "ecr:repository"],
      ["iam:PassRole", "role:sagemaker"],
    ],
  },
  {
    // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    who: "role:sns",
    says: { "kms:EncryptionContext:aws:sns:topicArn": "arn:aws:sns:eu-central-1:111122223333:my-files-files" },
    may: [
      ["sns:Publish", "sns:files"],
      ["kms:GenerateDataKey kms:Decrypt", "kms:sns"],
    ],
  },
  {
    // https://docs.aws.amazon.com/step-functions/latest/dg/s3-iam.html
    who: "role:step-functions",
    may: [
      ["s3:GetObject", "my-files/files/ my-files/external/step-functions/"],
      ["s3:ListBucket", "my-files?files/"],
      ["s3:PutObject s3:ListMultipartUploadParts s3:AbortMultipartUpload", "my-files/external/step-functions/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/transfer/latest/userguide/requirements-roles.html
    who: "role:transfer",
    may: [
      ["s3:ListBucket", "my-files?external/transfer/"],
      ["s3:GetBucketLocation", "my-files"],
      ["s3:GetObject s3:PutObject s3:DeleteObject", "my-files/external/transfer/"],
    ],
  },
  {
    // https://docs.aws.amazon.com/transfer/latest/userguide/configure-cloudwatch-logging.html
    who: "role:transfer-logging",
    may: [
      ["logs:CreateLogGroup logs:DescribeLogStreams", "logs:group:transfer"],
      ["logs:CreateLogStream logs:PutLogEvents", "logs:transfer"],
    ],
  },
];
