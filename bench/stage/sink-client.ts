import type { S3ClientConfig } from "@aws-sdk/client-s3";

/**
 * The bucket that every contender writes to, and the key pair that the sink knows. They are throwaway values for the loopback
 * only.
 */
export const sinkBucket = "bench";
export const sinkRegion = "us-east-1";
export const sinkCredentials = { accessKeyId: "bench", secretAccessKey: "bench-secret" };

/** The options that an SDK client needs to find the sink. Everything else stays at the SDK's defaults. */
export function sinkClientOptions(sinkUrl: string): S3ClientConfig {
  return { endpoint: sinkUrl, region: sinkRegion, credentials: sinkCredentials, forcePathStyle: true };
}
