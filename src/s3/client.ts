import { S3Client } from "@aws-sdk/client-s3";
import { type ConnectionLimits, StreamingRequestHandler } from "./request-handler.ts";
import { StreamedBody } from "./streamed-body.ts";

/** Where S3 is, and how to reach it. */
export interface S3Connection {
  region: string;
  /** URL of an S3 server other than AWS; undefined for AWS itself. */
  endpoint: string | undefined;
  /** Buckets in the path instead of the host name: what S3 servers other than AWS need. */
  forcePathStyle: boolean;
  limits: ConnectionLimits;
}

/**
 * The SDK's client, used for signing, endpoints, credentials (default chain) and parsing. Its retries are off: a
 * streamed body cannot be replayed by it, and every request goes through our breaker. Its checksums are off where S3
 * does not demand them, for the byte path has its own.
 */
export function createS3Client(connection: S3Connection): S3Client {
  const client = new S3Client({
    region: connection.region,
    ...(connection.endpoint !== undefined && { endpoint: connection.endpoint }),
    forcePathStyle: connection.forcePathStyle,
    followRegionRedirects: false,
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    requestHandler: new StreamingRequestHandler(connection.limits),
  });
  client.middlewareStack.add(
    (next) => (args) => {
      const { body, headers } = args.request as { body: unknown; headers: Record<string, string> };
      if (body instanceof StreamedBody) Object.assign(headers, body.toHeaders());
      return next(args);
    },
    { step: "build", name: "sluiceStreamedBody" },
  );
  return client;
}
