import type { AwsService } from "./aws-service.ts";
import { CLOUDFRONT } from "./services/cloudfront.ts";
import { FIREHOSE } from "./services/firehose.ts";
import { SQS } from "./services/sqs.ts";

/** Every AWS service that can be connected, by name. */
export const SERVICES: readonly AwsService[] = [CLOUDFRONT, FIREHOSE, SQS] as readonly AwsService[];
