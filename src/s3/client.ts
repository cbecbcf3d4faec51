import { S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Connections } from "./connections.ts";

/** Where S3 is. */
export interface S3Location {
  region: string;
  /** URL of an S3 server other than AWS; undefined for AWS itself. */
  endpoint: string | undefined;
  /** Buckets in the path instead of the host name: what S3 servers other than AWS need. */
  forcePathStyle: boolean;
}

/** What requests are signed with. The SDK asks for new ones five minutes before `expiration`. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

/**
 * The SDK's client: endpoints, credentials (default chain, where none are given), signing and parsing of everything but bodies in flight. Its
 * retries are off: every request goes through our breaker and backoff. Its checksums are off where S3 does not demand
 * them, for the byte path has its own.
 */
export function createS3Client(
  location: S3Location,
  connections: Connections,
  credentials?: () => Promise<S3Credentials>,
): S3Client {
  const { httpAgent, httpsAgent, limits } = connections;
  return new S3Client({
    region: location.region,
    ...(location.endpoint !== undefined && { endpoint: location.endpoint }),
    ...(credentials !== undefined && { credentials }),
    forcePathStyle: location.forcePathStyle,
    followRegionRedirects: false,
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      httpAgent,
      httpsAgent,
      connectionTimeout: limits.connectTimeoutMs,
      socketTimeout: limits.socketTimeoutMs,
    }),
  });
}
