import { S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Connections } from "./connections.ts";
import { inRequestSpan } from "./request-span.ts";
import type { StorageClock } from "./storage-clock.ts";

/** The place of S3. */
export interface S3Location {
  region: string;
  /** URL of an S3 server other than AWS; undefined for AWS itself. */
  endpoint: string | undefined;
  /** Whether the bucket is in the path instead of the host name, as S3 servers other than AWS need it. */
  forcePathStyle: boolean;
}

/** Credentials that requests are signed with. The SDK asks for new ones five minutes before `expiration`. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

/**
 * The SDK's client. It does endpoints, credentials (the default chain when none are given), signing and parsing for
 * everything but bodies in flight. Its retries are off: every request goes through our breaker and backoff. Its checksums are
 * off unless S3 demands them, because the byte path has its own.
 */
export function createS3Client(
  location: S3Location,
  connections: Connections,
  credentials?: () => Promise<S3Credentials>,
): S3Client {
  const { httpAgent, httpsAgent, limits, clock } = connections;
  const client = new S3Client({
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
  signByClock(client, clock);
  traceRequests(client);
  return client;
}

/** Each request is a span, where its trace is recorded. */
function traceRequests(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName = "Request" }) =>
      (args) => {
        const { Bucket: bucket } = args.input as { Bucket?: string };
        return inRequestSpan(commandName.replace(/Command$/, ""), { bucket }, () => next(args));
      },
    // Around what parses the answer, so that refusals are seen, and behind what makes a command no request at all.
    { step: "deserialize", priority: "high", name: "sluiceSpan" },
  );
}

/** Signs by S3's clock, and learns that clock from every answer, refusals included. */
function signByClock(client: S3Client, clock: StorageClock): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      client.config.systemClockOffset = clock.offsetMs;
      return await next(args);
    },
    { step: "initialize", name: "sluiceClock" },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const tell = clock.begin();
      const answered = await next(args);
      tell((answered.response as { headers?: Record<string, string> } | undefined)?.headers?.date);
      return answered;
    },
    // This step is next to the network: the steps outside of it throw for refusals.
    { step: "deserialize", priority: "low", name: "sluiceDate" },
  );
}
