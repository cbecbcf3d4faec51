import { expect } from "chai";
import { toAttribute, toTerraformType } from "./terraform-names.ts";

describe("toAttribute", () => {
  // Names in the spelling of the provider's own schema.
  const names = {
    BucketName: "bucket_name",
    IPV6Enabled: "ipv6_enabled",
    S3KeyPrefix: "s3_key_prefix",
    S3BucketDestination: "s3_bucket_destination",
    SSES3: "sses3",
    SSEAlgorithm: "sse_algorithm",
    KMSMasterKeyID: "kms_master_key_id",
    MFAEnabled: "mfa_enabled",
    FunctionARN: "function_arn",
    RoleARN: "role_arn",
    CloudWatchLogsLogGroupArn: "cloudwatch_logs_log_group_arn",
    CloudFrontOriginAccessIdentity: "cloudfront_origin_access_identity",
    FSxConfiguration: "fsx_configuration",
    CloudFormationType: "cloudformation_type",
    Id: "id",
    AccelerateConfiguration: "accelerate_configuration",
    redrivePermission: "redrive_permission",
    Ipv4Addresses: "ipv_4_addresses",
    Md5Of1Part: "md_5_of_1_part",
    "Dotted.Name": "dotted_name",
    "": "",
  };
  for (const [property, attribute] of Object.entries(names)) {
    it(`spells ${property || "nothing"} ${attribute || "as nothing"}`, () => {
      expect(toAttribute(property)).to.equal(attribute);
    });
  }
});

describe("toTerraformType", () => {
  const types = {
    "AWS::S3::BucketPolicy": "awscc_s3_bucket_policy",
    "AWS::DataSync::LocationS3": "awscc_datasync_location_s3",
    "AWS::GuardDuty::MalwareProtectionPlan": "awscc_guardduty_malware_protection_plan",
    "AWS::KMS::Key": "awscc_kms_key",
    "AWS::CloudFront::KeyGroup": "awscc_cloudfront_key_group",
  };
  for (const [type, name] of Object.entries(types)) {
    it(`spells ${type} ${name}`, () => {
      expect(toTerraformType(type)).to.equal(name);
    });
  }
});
