import type { S3ClientConfig } from "@aws-sdk/client-s3";

/** The bucket every contender writes to, and the key pair the sink knows; throwaway, for the loopback only. */
export const sinkBucket = "bench";
export const sinkRegion = "us-east-1";
export const sinkCredentials = { accessKeyId: "bench", secretAccessKey: "bench-secret" };

/** What an SDK client needs to find the sink; everything else stays at the SDK's defaults. */
export function sinkClientOptions(sinkUrl: string): S3ClientConfig {
  return { endpoint: sinkUrl, region: sinkRegion, credentials: sinkCredentials, forcePathStyle: true };
}
