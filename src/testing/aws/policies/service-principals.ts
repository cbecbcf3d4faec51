/**
 * Service principals that exist, without their domain, each with the document that names it. AWS publishes no list, and
 * IAM takes any name in a trust policy: a misspelt one is noticed when the service cannot do its work.
 */
export const SERVICE_PRINCIPALS: Readonly<Record<string, string>> = {
  backup: "https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html",
  "batchoperations.s3": "https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-iam-role-policies.html",
  bedrock: "https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html",
  cloudfront:
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html",
  cloudtrail: "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html",
  cloudwatch: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html",
  comprehend: "https://docs.aws.amazon.com/comprehend/latest/dg/cross-service-confused-deputy-prevention.html",
  config: "https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html",
  datasync: "https://docs.aws.amazon.com/datasync/latest/userguide/create-s3-location.html",
  "delivery.logs": "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html",
  dms: "https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.S3.html",
  ec2: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html",
  "ecs-tasks": "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
  "emr-serverless": "https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/security-iam-runtime-role.html",
  events: "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html",
  firehose: "https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html",
  glue: "https://docs.aws.amazon.com/glue/latest/dg/create-an-iam-role.html",
  lakeformation: "https://docs.aws.amazon.com/lake-formation/latest/dg/registration-role.html",
  lambda: "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
  "logging.s3": "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html",
  macie: "https://docs.aws.amazon.com/macie/latest/user/discovery-results-repository-s3.html",
  "malware-protection-plan.guardduty":
    "https://docs.aws.amazon.com/guardduty/latest/ug/malware-protection-s3-iam-policy-prerequisite.html",
  mediaconvert: "https://docs.aws.amazon.com/mediaconvert/latest/ug/iam-role.html",
  "osis-pipelines":
    "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/pipeline-security-overview.html",
  "pods.eks": "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html",
  redshift: "https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service.html",
  "redshift-serverless": "https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-serverless-iam.html",
  s3: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html",
  sagemaker: "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html",
  ses: "https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html",
  states: "https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html",
  "storage-lens.s3": "https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage_lens_iam_permissions.html",
  transfer: "https://docs.aws.amazon.com/transfer/latest/userguide/requirements-roles.html",
};
