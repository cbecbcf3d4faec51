import { type SaidSettings, SMALLEST_SETTINGS } from "./golden-settings.ts";

type Options = Readonly<Record<string, unknown>>;

const KMS_KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/** Of a P-256 key that nobody has kept. */
const PUBLIC_KEY = [
  "-----BEGIN PUBLIC KEY-----",
  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEh6cA9aqgAShaRuzzcx+zrLEOJvb4",
  "IfYrr4LGfP+6cU1n0d/d394vDIGvIB+5V4dcSQxo6Rk5bunFDkGem8abuQ==",
  "-----END PUBLIC KEY-----",
].join("\n");

/**
 * For each service that has options, choices that lead to another template than `true` does: together they set every
 * option of it. A test holds that.
 */
export const OPTION_CHOICES: Readonly<Record<string, readonly Options[]>> = {
  athena: [{ resultDays: 1, queryBytesMax: 10_000_000_000 }],
  backup: [
    { vaultName: "existing-vault", schedule: "cron(30 1 ? * SUN *)", keepDays: 365, restore: true },
    { continuous: true },
  ],
  "batch-operations": [{ operations: ["tag", "restore", "copy"] }],
  bedrock: [{ embeddingModel: "cohere.embed-multilingual-v3", collection: "abcdefghij1234567890" }],
  cloudfront: [
    { publicKey: PUBLIC_KEY, cache: true },
    {
      publicKey: PUBLIC_KEY,
      certificateArn: "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012",
      aliases: ["files.example.com"],
    },
  ],
  cloudtrail: [{ events: "write", logGroup: false }],
  cloudwatch: [
    {
      alarmTopicArn: "arn:aws:sns:eu-central-1:111122223333:alarms",
      serverErrorShareMax: 0.05,
      clientErrorShareMax: 1,
      kmsKeyArn: KMS_KEY,
    },
  ],
  config: [{ recorder: "create", resourceTypes: ["AWS::S3::Bucket", "AWS::IAM::Role"] }],
  datasync: [{ direction: "from" }, { direction: "to" }],
  emr: [{ ec2: false }, { serverless: false }],
  eventbridge: [
    { kmsKeyArn: KMS_KEY, archiveDays: 30 },
    { logs: false, targetBusArn: "arn:aws:events:eu-central-1:111122223333:event-bus/files" },
  ],
  firehose: [{ errorLogging: false }, { logDays: 30 }],
  glue: [{ schedule: "cron(0 3 * * ? *)", exclude: ["tmp/**"] }],
  guardduty: [{ prefixes: ["files/a/", "external/"], gate: false }],
  inventory: [{ frequency: "Daily", format: "Parquet", versions: "Current" }, { format: "ORC" }],
  "lake-formation": [{ hybrid: false }],
  lambda: [
    { functionArn: "arn:aws:lambda:eu-central-1:111122223333:function:on-file" },
    { functionArn: "arn:aws:lambda:eu-central-1:111122223333:function:on-file:live", delivery: "direct" },
  ],
  macie: [{ session: "create" }],
  "opensearch-ingestion": [{ source: "scan", domain: "files" }],
  redshift: [{ cluster: "warehouse" }, { workgroup: "12345678-abcd" }],
  replication: [
    { bucket: "my-replicas", region: "eu-west-1", deleteMarkers: false, storageClass: "STANDARD_IA" },
    { replicationTime: true, storageClass: "GLACIER_IR" },
    { bucket: "my-replicas", keyArn: KMS_KEY },
  ],
  "s3-metadata": [{ journalDays: 7, inventory: false }],
  sagemaker: [{ outputBucket: "my-models" }, { outputBucket: "my-models", outputKey: KMS_KEY }],
  sns: [{ delivery: "direct" }, { key: "none" }, { key: KMS_KEY }],
  sqs: [{ delivery: "direct", receiptsMax: 1 }],
  "step-functions": [{ stateMachineArn: "arn:aws:states:eu-central-1:111122223333:stateMachine:on-file" }],
  "storage-lens": [{ advanced: true, format: "Parquet" }],
  transfer: [{ delete: false }],
};

/** Settings by name, each with one service switched on by one of its choices. */
export const OPTION_SETTINGS: readonly (readonly [name: string, SaidSettings])[] = Object.entries(
  OPTION_CHOICES,
).flatMap(([service, choices]) =>
  choices.map((options, at): [string, SaidSettings] => [
    `${service}-${at + 1}`,
    {
      ...SMALLEST_SETTINGS,
      residency: ["eu-central-1", "eu-west-1"],
      services: { [service]: options },
      // A key of another thing is named only together with one of the files.
      ...(service === "replication" && "keyArn" in options && { encryption: KMS_KEY }),
    },
  ]),
);
