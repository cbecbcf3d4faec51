import { ATHENA } from "./athena.ts";
import type { AwsService } from "./aws-service.ts";
import { BACKUP } from "./backup.ts";
import { BATCH_OPERATIONS } from "./batch-operations.ts";
import { BEDROCK } from "./bedrock.ts";
import { CLOUDFRONT } from "./cloudfront.ts";
import { CLOUDTRAIL } from "./cloudtrail.ts";
import { CLOUDWATCH } from "./cloudwatch.ts";
import { COMPREHEND } from "./comprehend.ts";
import { CONFIG } from "./config.ts";
import { DATASYNC } from "./datasync.ts";
import { DMS } from "./dms.ts";
import { EMR } from "./emr.ts";
import { EVENTBRIDGE } from "./eventbridge.ts";
import { FIREHOSE } from "./firehose.ts";
import { GLUE } from "./glue.ts";
import { GUARDDUTY } from "./guardduty.ts";
import { INVENTORY } from "./inventory.ts";
import { LAKE_FORMATION } from "./lake-formation.ts";
import { LAMBDA } from "./lambda.ts";
import { MACIE } from "./macie.ts";
import { MEDIACONVERT } from "./mediaconvert.ts";
import { OPENSEARCH_INGESTION } from "./opensearch-ingestion.ts";
import { REDSHIFT } from "./redshift.ts";
import { REPLICATION } from "./replication.ts";
import { S3_METADATA } from "./s3-metadata.ts";
import { SAGEMAKER } from "./sagemaker.ts";
import { SES } from "./ses.ts";
import { SNS } from "./sns.ts";
import { SQS } from "./sqs.ts";
import { STEP_FUNCTIONS } from "./step-functions.ts";
import { STORAGE_LENS } from "./storage-lens.ts";
import { TRANSFER } from "./transfer.ts";

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
