import { ATHENA } from "./analytics/athena.ts";
import { EMR } from "./analytics/emr.ts";
import { FIREHOSE } from "./analytics/firehose.ts";
import { GLUE } from "./analytics/glue.ts";
import { LAKE_FORMATION } from "./analytics/lake-formation.ts";
import { OPENSEARCH_INGESTION } from "./analytics/opensearch-ingestion.ts";
import { REDSHIFT } from "./analytics/redshift.ts";
import { EVENTBRIDGE } from "./application-integration/eventbridge.ts";
import { SNS } from "./application-integration/sns.ts";
import { SQS } from "./application-integration/sqs.ts";
import { STEP_FUNCTIONS } from "./application-integration/step-functions.ts";
import type { AwsService } from "./aws-service.ts";
import { SES } from "./business-applications/ses.ts";
import { LAMBDA } from "./compute/lambda.ts";
import { CLOUDFRONT } from "./content-delivery/cloudfront.ts";
import { BEDROCK } from "./machine-learning/bedrock.ts";
import { COMPREHEND } from "./machine-learning/comprehend.ts";
import { SAGEMAKER } from "./machine-learning/sagemaker.ts";
import { CLOUDTRAIL } from "./management/cloudtrail.ts";
import { CLOUDWATCH } from "./management/cloudwatch.ts";
import { CONFIG } from "./management/config.ts";
import { MEDIACONVERT } from "./media/mediaconvert.ts";
import { DATASYNC } from "./migration-and-transfer/datasync.ts";
import { DMS } from "./migration-and-transfer/dms.ts";
import { TRANSFER } from "./migration-and-transfer/transfer.ts";
import { GUARDDUTY } from "./security/guardduty.ts";
import { MACIE } from "./security/macie.ts";
import { BACKUP } from "./storage/backup.ts";
import { BATCH_OPERATIONS } from "./storage/batch-operations.ts";
import { INVENTORY } from "./storage/inventory.ts";
import { REPLICATION } from "./storage/replication.ts";
import { S3_METADATA } from "./storage/s3-metadata.ts";
import { STORAGE_LENS } from "./storage/storage-lens.ts";

/** Every AWS service that can be connected, by name. */
export const SERVICES: readonly AwsService[] = [
  ATHENA,
  BACKUP,
  BATCH_OPERATIONS,
  BEDROCK,
  CLOUDFRONT,
  CLOUDTRAIL,
  CLOUDWATCH,
  COMPREHEND,
  CONFIG,
  DATASYNC,
  DMS,
  EMR,
  EVENTBRIDGE,
  FIREHOSE,
  GLUE,
  GUARDDUTY,
  INVENTORY,
  LAKE_FORMATION,
  LAMBDA,
  MACIE,
  MEDIACONVERT,
  OPENSEARCH_INGESTION,
  REDSHIFT,
  REPLICATION,
  S3_METADATA,
  SAGEMAKER,
  SES,
  SNS,
  SQS,
  STEP_FUNCTIONS,
  STORAGE_LENS,
  TRANSFER,
] as readonly AwsService[];
