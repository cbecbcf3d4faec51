import type { AwsService } from "./aws-service.ts";
import { BATCH_OPERATIONS } from "./services/batch-operations.ts";
import { CLOUDFRONT } from "./services/cloudfront.ts";
import { CLOUDTRAIL } from "./services/cloudtrail.ts";
import { CONFIG } from "./services/config.ts";
import { FIREHOSE } from "./services/firehose.ts";
import { GUARDDUTY } from "./services/guardduty.ts";
import { INVENTORY } from "./services/inventory.ts";
import { LAMBDA } from "./services/lambda.ts";
import { MACIE } from "./services/macie.ts";
import { REPLICATION } from "./services/replication.ts";
import { SNS } from "./services/sns.ts";
import { SQS } from "./services/sqs.ts";
import { STEP_FUNCTIONS } from "./services/step-functions.ts";
import { STORAGE_LENS } from "./services/storage-lens.ts";

/** Every AWS service that can be connected, by name. */
export const SERVICES: readonly AwsService[] = [
  BATCH_OPERATIONS,
  CLOUDFRONT,
  CLOUDTRAIL,
  CONFIG,
  FIREHOSE,
  GUARDDUTY,
  INVENTORY,
  LAMBDA,
  MACIE,
  REPLICATION,
  SNS,
  SQS,
  STEP_FUNCTIONS,
  STORAGE_LENS,
] as readonly AwsService[];
