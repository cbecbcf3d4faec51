import type { AwsService } from "./aws-service.ts";
import { ATHENA } from "./services/athena.ts";
import { BACKUP } from "./services/backup.ts";
import { BATCH_OPERATIONS } from "./services/batch-operations.ts";
import { BEDROCK } from "./services/bedrock.ts";
import { CLOUDFRONT } from "./services/cloudfront.ts";
import { CLOUDTRAIL } from "./services/cloudtrail.ts";
import { CLOUDWATCH } from "./services/cloudwatch.ts";
import { CONFIG } from "./services/config.ts";
import { DATASYNC } from "./services/datasync.ts";
import { EMR } from "./services/emr.ts";
import { EVENTBRIDGE } from "./services/eventbridge.ts";
import { FIREHOSE } from "./services/firehose.ts";
import { GLUE } from "./services/glue.ts";
import { GUARDDUTY } from "./services/guardduty.ts";
import { INVENTORY } from "./services/inventory.ts";
import { LAMBDA } from "./services/lambda.ts";
import { MACIE } from "./services/macie.ts";
import { OPENSEARCH_INGESTION } from "./services/opensearch-ingestion.ts";
import { REDSHIFT } from "./services/redshift.ts";
import { REPLICATION } from "./services/replication.ts";
import { SAGEMAKER } from "./services/sagemaker.ts";
import { SNS } from "./services/sns.ts";
import { SQS } from "./services/sqs.ts";
import { STEP_FUNCTIONS } from "./services/step-functions.ts";
import { STORAGE_LENS } from "./services/storage-lens.ts";
import { TRANSFER } from "./services/transfer.ts";

/** Every AWS service that can be connected, by name. */
export const SERVICES: readonly AwsService[] = [
  ATHENA,
  BACKUP,
  BATCH_OPERATIONS,
  BEDROCK,
  CLOUDFRONT,
  CLOUDTRAIL,
  CLOUDWATCH,
  CONFIG,
  DATASYNC,
  EMR,
  EVENTBRIDGE,
  FIREHOSE,
  GLUE,
  GUARDDUTY,
  INVENTORY,
  LAMBDA,
  MACIE,
  OPENSEARCH_INGESTION,
  REDSHIFT,
  REPLICATION,
  SAGEMAKER,
  SNS,
  SQS,
  STEP_FUNCTIONS,
  STORAGE_LENS,
  TRANSFER,
] as readonly AwsService[];
