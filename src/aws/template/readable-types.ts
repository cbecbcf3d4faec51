import { byList, byName, type ReadableType, sameAt, textAt } from "./readable-type.ts";
import type { Site } from "./site.ts";

/** A resource's properties as plain JSON. */
type Plain = Readonly<Record<string, unknown>>;

/** Permissions that Cloud Control itself takes, for reading and for listing. */
export const CLOUD_CONTROL_PERMISSIONS = { read: "cloudformation:GetResource", list: "cloudformation:ListResources" };

const ENDPOINT_PERMISSIONS = [
  "ec2:DescribeVpcEndpoints",
  "ec2:DescribeSubnets",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeVpcs",
];

/**
 * Every type that the generator makes beside buckets, their policies and roles. Cloud Control reads all of them: it is made
 * from the same schemas as CloudFormation and Terraform's `awscc` provider. The permissions are those of the schemas'
 * handlers, without `iam:PassRole` and `kms:Decrypt`, which reading does not use and which would let the reader do more, and
 * without an action of VPC Lattice that IAM does not know.
 * Source: https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/supported-resources.html
 */
export const READABLE_TYPES: Readonly<Record<string, ReadableType>> = {
  "AWS::Athena::WorkGroup": {
    ...byName("Name"),
    arn: (site, properties) => site.arn("athena", `workgroup/${textAt(properties, "Name")}`),
    read: ["athena:GetWorkGroup", "athena:ListTagsForResource"],
    isLimited: true,
  },
  "AWS::Backup::BackupPlan": {
    ...byList("BackupPlan.BackupPlanName", ["backup:ListBackupPlans"]),
    read: ["backup:GetBackupPlan", "backup:ListTags"],
  },
  "AWS::Backup::BackupSelection": {
    ...byList("BackupSelection.SelectionName", ["backup:ListBackupSelections", "backup:ListBackupPlans"]),
    read: ["backup:GetBackupSelection"],
  },
  "AWS::Backup::BackupVault": {
    ...byName("BackupVaultName"),
    read: [
      ...["backup:DescribeBackupVault", "backup:GetBackupVaultNotifications", "backup:GetBackupVaultAccessPolicy"],
      "backup:ListTags",
    ],
  },
  "AWS::CloudFront::Distribution": {
    found: {
      by: "list",
      list: ["cloudfront:ListTagsForResource", "cloudfront:ListDistributions"],
      isIt: sameAt("DistributionConfig.Origins.0.DomainName"),
    },
    read: ["cloudfront:GetDistribution", "cloudfront:GetDistributionConfig", "cloudfront:ListTagsForResource"],
  },
  "AWS::CloudFront::Function": {
    found: { by: "identifier", of: toFunctionArn },
    name: "Name",
    arn: toFunctionArn,
    read: ["cloudfront:DescribeFunction", "cloudfront:GetFunction", "cloudfront:ListTagsForResource"],
    writeOnly: ["AutoPublish"],
  },
  "AWS::CloudFront::KeyGroup": {
    ...byList("KeyGroupConfig.Name", ["cloudfront:ListKeyGroups"]),
    read: ["cloudfront:GetKeyGroup"],
  },
  "AWS::CloudFront::OriginAccessControl": {
    ...byList("OriginAccessControlConfig.Name", ["cloudfront:ListOriginAccessControls"]),
    read: ["cloudfront:GetOriginAccessControl"],
  },
  "AWS::CloudFront::PublicKey": {
    ...byList("PublicKeyConfig.Name", ["cloudfront:ListPublicKeys"]),
    read: ["cloudfront:GetPublicKey"],
  },
  "AWS::CloudFront::ResponseHeadersPolicy": {
    ...byList("ResponseHeadersPolicyConfig.Name", ["cloudfront:ListResponseHeadersPolicies"]),
    read: ["cloudfront:GetResponseHeadersPolicy"],
  },
  "AWS::CloudTrail::Trail": {
    ...byName("TrailName"),
    read: [
      ...["cloudtrail:GetTrail", "cloudtrail:GetTrailStatus", "cloudtrail:ListTags", "cloudtrail:GetEventSelectors"],
      ...["cloudtrail:GetInsightSelectors", "cloudtrail:GetEventConfiguration", "cloudtrail:DescribeTrails"],
    ],
  },
  "AWS::CloudWatch::Alarm": {
    ...byName("AlarmName"),
    read: ["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
    defaults: { ActionsEnabled: true },
  },
  // An account has one recorder and one channel in each region, and the template does not name them.
  "AWS::Config::ConfigurationRecorder": {
    found: { by: "list", list: ["config:ListConfigurationRecorders"], isIt: sameAt("RoleARN") },
    read: ["config:DescribeConfigurationRecorders", "config:ListTagsForResource"],
  },
  "AWS::Config::DeliveryChannel": {
    found: { by: "list", list: ["config:DescribeDeliveryChannels"], isIt: () => true },
    read: ["config:DescribeDeliveryChannels"],
  },
  "AWS::DataSync::LocationS3": {
    found: {
      by: "list",
      list: ["datasync:ListLocations"],
      isIt: (_, { S3BucketArn, Subdirectory }, { LocationUri }) =>
        LocationUri === `s3://${String(S3BucketArn).split(":").at(-1)}${Subdirectory}`,
    },
    name: "Subdirectory",
    read: ["datasync:DescribeLocationS3", "datasync:ListTagsForResource"],
    writeOnly: ["Subdirectory", "S3BucketArn"],
  },
  "AWS::EC2::VPCEndpoint": {
    found: {
      by: "list",
      list: ENDPOINT_PERMISSIONS,
      isIt: (site, properties, live) =>
        ["VpcId", "ServiceName", "VpcEndpointType"].every((name) => sameAt(name)(site, properties, live)),
    },
    name: "VpcId",
    read: ENDPOINT_PERMISSIONS,
  },
  "AWS::Events::Archive": {
    ...byName("ArchiveName"),
    arn: (site, properties) => site.arn("events", `archive/${textAt(properties, "ArchiveName")}`),
    read: ["events:DescribeArchive"],
    isLimited: true,
  },
  "AWS::Events::Rule": {
    found: { by: "identifier", of: toRuleArn },
    name: "Name",
    arn: toRuleArn,
    read: ["events:DescribeRule", "events:ListTargetsByRule", "events:ListTagsForResource"],
    isLimited: true,
    defaults: { State: "ENABLED" },
  },
  "AWS::Glue::Crawler": { ...byName("Name"), read: ["glue:GetCrawler", "glue:GetTags"], shortened: ["Role"] },
  "AWS::Glue::Database": {
    ...byName("DatabaseInput.Name"),
    read: [
      ...["glue:GetDatabase", "glue:GetConnection", "lakeformation:ListResources", "lakeformation:DescribeResource"],
      "lakeformation:DescribeLakeFormationIdentityCenterConfiguration",
    ],
  },
  "AWS::GuardDuty::MalwareProtectionPlan": {
    ...byList("ProtectedResource.S3Bucket.BucketName", ["guardduty:ListMalwareProtectionPlans"]),
    read: ["guardduty:GetMalwareProtectionPlan"],
    defaults: { Status: "ACTIVE" },
  },
  "AWS::IAM::InstanceProfile": { ...byName("InstanceProfileName"), read: ["iam:GetInstanceProfile"] },
  "AWS::KMS::Key": {
    found: { by: "reference" },
    arn: (site, _, id) => site.arn("kms", `key/${id}`),
    read: ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"],
    isLimited: true,
    defaults: { Enabled: true },
  },
  "AWS::Lambda::Permission": {
    found: {
      by: "list",
      list: ["lambda:GetPolicy"],
      within: "FunctionName",
      isIt: (site, properties, live) =>
        ["Principal", "SourceArn"].every((name) => sameAt(name)(site, properties, live)),
    },
    arn: (_, properties) => textAt(properties, "FunctionName"),
    read: ["lambda:GetPolicy"],
    isLimited: true,
    // The list is that of the function; the answer has its name where the template has its ARN.
    writeOnly: ["FunctionName"],
  },
  "AWS::Logs::Delivery": {
    ...byList("DeliverySourceName", ["logs:DescribeDeliveries", "logs:ListTagsForResource"]),
    read: ["logs:GetDelivery", "logs:ListTagsForResource"],
  },
  "AWS::Logs::DeliveryDestination": {
    ...byName("Name"),
    arn: (site, properties) => site.arn("logs", `delivery-destination:${textAt(properties, "Name")}`),
    read: ["logs:GetDeliveryDestination", "logs:ListTagsForResource", "logs:GetDeliveryDestinationPolicy"],
  },
  "AWS::Logs::DeliverySource": {
    ...byName("Name"),
    read: ["logs:GetDeliverySource", "logs:ListTagsForResource"],
    writeOnly: ["ResourceArn"],
  },
  "AWS::Logs::LogGroup": {
    ...byName("LogGroupName"),
    arn: (site, properties) => site.arn("logs", `log-group:${textAt(properties, "LogGroupName")}:*`),
    read: [
      ...["logs:DescribeLogGroups", "logs:ListTagsForResource", "logs:GetDataProtectionPolicy"],
      ...["logs:DescribeIndexPolicies", "logs:DescribeResourcePolicies"],
    ],
  },
  "AWS::Logs::LogStream": {
    found: {
      by: "identifier",
      of: (_, properties) => ["LogGroupName", "LogStreamName"].map((name) => textAt(properties, name)).join("|"),
    },
    name: "LogStreamName",
    read: ["logs:DescribeLogStreams"],
  },
  "AWS::Logs::ResourcePolicy": { ...byName("PolicyName"), read: ["logs:DescribeResourcePolicies"] },
  "AWS::Macie::Session": {
    found: { by: "identifier", of: ({ account }) => account },
    read: ["macie2:GetMacieSession", "macie2:ListAutomatedDiscoveryAccounts"],
  },
  "AWS::S3::AccessPoint": {
    ...byName("Name"),
    arn: (site, properties) => site.arn("s3", `accesspoint/${textAt(properties, "Name")}`),
    read: ["s3:GetAccessPoint", "s3:GetAccessPointPolicy", "s3:ListTagsForResource"],
    isLimited: true,
    unlimited: ["s3:GetAccessPoint"],
  },
  "AWS::S3::StorageLens": {
    ...byName("StorageLensConfiguration.Id"),
    read: ["s3:GetStorageLensConfiguration", "s3:GetStorageLensConfigurationTagging"],
  },
  "AWS::SNS::Topic": {
    found: { by: "identifier", of: toTopicArn },
    name: "TopicName",
    arn: toTopicArn,
    read: [
      ...["sns:GetTopicAttributes", "sns:ListTagsForResource", "sns:ListSubscriptionsByTopic"],
      "sns:GetDataProtectionPolicy",
    ],
    isLimited: true,
  },
  "AWS::SNS::TopicInlinePolicy": {
    ...byName("TopicArn"),
    arn: (_, properties) => textAt(properties, "TopicArn"),
    read: ["sns:GetTopicAttributes"],
    isLimited: true,
  },
  "AWS::SQS::Queue": {
    found: {
      by: "identifier",
      of: ({ region, account, dnsSuffix }, properties) =>
        `https://sqs.${region}.${dnsSuffix}/${account}/${textAt(properties, "QueueName")}`,
    },
    name: "QueueName",
    arn: (site, properties) => site.arn("sqs", textAt(properties, "QueueName")),
    read: ["sqs:GetQueueAttributes", "sqs:ListQueueTags"],
    isLimited: true,
  },
  "AWS::SQS::QueueInlinePolicy": {
    ...byName("Queue"),
    arn: (site, properties) => site.arn("sqs", textAt(properties, "Queue").replace(/^.*\//, "")),
    read: ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"],
    isLimited: true,
  },
};

/** Types that the generator makes and that no identifier of the template leads to, with what Cloud Control lacks. */
export const UNREADABLE_TYPES: Readonly<Record<string, string>> = {
  "AWS::LakeFormation::PrincipalPermissions": "Cloud Control lists none, and AWS makes up their identifiers",
  "AWS::LakeFormation::Resource": "Cloud Control does not read it",
};

/** Permissions that reading resources of a type takes, those of Cloud Control itself among them; none for an unknown type. */
export function listReadPermissions(type: string): string[] {
  const { found, read = [] } = READABLE_TYPES[type] ?? {};
  if (found === undefined) return [];
  const listing = found.by === "list" ? [CLOUD_CONTROL_PERMISSIONS.list, ...found.list] : [];
  return [CLOUD_CONTROL_PERMISSIONS.read, ...listing, ...read];
}

function toFunctionArn(site: Site, properties: Plain): string {
  return site.arn("cloudfront", `function/${textAt(properties, "Name")}`, { region: "" });
}

function toRuleArn(site: Site, properties: Plain): string {
  return site.arn("events", `rule/${textAt(properties, "Name")}`);
}

function toTopicArn(site: Site, properties: Plain): string {
  return site.arn("sns", textAt(properties, "TopicName"));
}
