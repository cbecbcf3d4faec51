/** What a type of resource is called, and the consequence when one is not as it was generated. */
interface ResourceMeaning {
  readonly noun: string;
  readonly drift: string;
}

const RECORDS = "records of who read or changed a file could be lacking, or go elsewhere";
const EVENTS = "whoever waits for new files could be told too late, of others, or not at all";
const VIEWERS = "the distribution could give out files to whom it should not, or to nobody";
const LAKE = "roles could read tables that they should not, or none";
const LOG_LINES = "log lines could be lost, kept too short, or kept and paid for without end";

/** One for each type that is read by Cloud Control, or cannot be: a test holds that. */
export const RESOURCE_MEANINGS: Readonly<Record<string, ResourceMeaning>> = {
  "AWS::Athena::WorkGroup": {
    noun: "workgroup",
    drift: "queries could write their results elsewhere, unencrypted, or scan more than is to be paid for",
  },
  "AWS::Backup::BackupPlan": { noun: "backup plan", drift: "files could be backed up too seldom, or kept too short" },
  "AWS::Backup::BackupSelection": { noun: "backup selection", drift: "the bucket could be left out of its backups" },
  "AWS::Backup::BackupVault": { noun: "backup vault", drift: "backups could be kept or found otherwise than intended" },
  "AWS::CloudFront::Distribution": { noun: "distribution", drift: VIEWERS },
  "AWS::CloudFront::Function": { noun: "function", drift: VIEWERS },
  "AWS::CloudFront::KeyGroup": { noun: "key group", drift: "URLs that somebody else signed could give out files" },
  "AWS::CloudFront::OriginAccessControl": {
    noun: "origin access control",
    drift: "the bucket refuses the distribution, which no longer signs its requests as intended",
  },
  "AWS::CloudFront::PublicKey": { noun: "public key", drift: "URLs that somebody else signed could give out files" },
  "AWS::CloudFront::ResponseHeadersPolicy": {
    noun: "response headers policy",
    drift: "browsers could open files as pages, with scripts, instead of saving them",
  },
  "AWS::CloudTrail::Trail": { noun: "trail", drift: RECORDS },
  "AWS::CloudWatch::Alarm": { noun: "alarm", drift: "nobody could be told when requests for files fail" },
  "AWS::Config::ConfigurationRecorder": { noun: "configuration recorder", drift: RECORDS },
  "AWS::Config::DeliveryChannel": { noun: "delivery channel", drift: RECORDS },
  "AWS::DataSync::LocationS3": {
    noun: "location",
    drift: "tasks could copy under another role than intended, or not at all",
  },
  "AWS::EC2::VPCEndpoint": {
    noun: "gateway endpoint of",
    drift: "requests could reach buckets that they should not, or not the bucket of files",
  },
  "AWS::Events::Archive": { noun: "archive", drift: "events could lack when they are to be replayed" },
  "AWS::Events::Rule": { noun: "rule", drift: EVENTS },
  "AWS::Glue::Crawler": { noun: "crawler", drift: "tables could be made of other data, or not at all" },
  "AWS::Glue::Database": { noun: "database", drift: "tables could be found otherwise than intended" },
  "AWS::GuardDuty::MalwareProtectionPlan": {
    noun: "malware protection plan",
    drift: "new files could stay unscanned: nobody could read them, or everybody could where there is no gate",
  },
  "AWS::IAM::InstanceProfile": {
    noun: "instance profile",
    drift: "clusters could run under another role, or under none",
  },
  "AWS::KMS::Key": {
    noun: "key",
    drift: "messages could be read by others, or by nobody, once the key does not hold as intended",
  },
  "AWS::LakeFormation::PrincipalPermissions": { noun: "Lake Formation permission", drift: LAKE },
  "AWS::LakeFormation::Resource": { noun: "Lake Formation location", drift: LAKE },
  "AWS::Lambda::Permission": { noun: "permission", drift: "the function could be called by others, or by nobody" },
  "AWS::Logs::Delivery": { noun: "log delivery", drift: RECORDS },
  "AWS::Logs::DeliveryDestination": { noun: "log delivery destination", drift: RECORDS },
  "AWS::Logs::DeliverySource": { noun: "log delivery source", drift: RECORDS },
  "AWS::Logs::LogGroup": { noun: "log group", drift: LOG_LINES },
  "AWS::Logs::LogStream": { noun: "log stream", drift: LOG_LINES },
  "AWS::Logs::ResourcePolicy": { noun: "log resource policy", drift: LOG_LINES },
  "AWS::Macie::Session": { noun: "Macie session", drift: "sensitive data in files could go unnoticed" },
  "AWS::S3::AccessPoint": {
    noun: "access point",
    drift: "a consumer could read or write more than intended, or nothing",
  },
  "AWS::S3::StorageLens": {
    noun: "dashboard",
    drift: "metrics of the bucket could lack, or be delivered to somebody else",
  },
  "AWS::SNS::Topic": { noun: "topic", drift: EVENTS },
  "AWS::SNS::TopicInlinePolicy": { noun: "policy of topic", drift: EVENTS },
  "AWS::SQS::Queue": { noun: "queue", drift: EVENTS },
  "AWS::SQS::QueueInlinePolicy": { noun: "policy of queue", drift: EVENTS },
};
