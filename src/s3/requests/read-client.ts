import type { S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { toDomainError } from "../errors.ts";
import { createS3Client, type S3Credentials, type S3Location } from "./client.ts";
import type { Connections } from "./connections.ts";

/**
 * Longest session of a role that is assumed by a role, in seconds.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
 */
const SESSION_SECONDS = 3600;
const TRIES_MAX = 3;

/** The role that callers' reads are signed with. */
export interface ReadRole {
  readonly roleArn: string;
  /**
   * Time for which credentials must still be valid when they are used, in milliseconds: a URL ends with the session that
   * signed it. It is 50 min at most, because a session lasts an hour and the SDK renews it five minutes early.
   */
  readonly lifetimeMinMs: number;
  /** URL of an STS server; when left out, AWS's server in the region. */
  readonly stsEndpoint?: string;
}

/**
 * A client whose requests and URLs are signed with a role that the service assumes with its own credentials (default chain);
 * undefined when there is no such role. Requests reject with `unavailable / STORAGE_UNAVAILABLE` when STS refuses or does not
 * answer. It uses the given connections, and ends with them.
 */
export function createReadClient(
  location: S3Location & { readRole?: ReadRole | undefined },
  connections: Connections,
): S3Client | undefined {
  if (location.readRole === undefined) return undefined;
  const { httpAgent, httpsAgent, limits } = connections;
  const { roleArn, lifetimeMinMs, stsEndpoint } = location.readRole;
  const sts = new STSClient({
    region: location.region,
    ...(stsEndpoint !== undefined && { endpoint: stsEndpoint }),
    maxAttempts: TRIES_MAX,
    requestHandler: new NodeHttpHandler({
      httpAgent,
      httpsAgent,
      connectionTimeout: limits.connectTimeoutMs,
      socketTimeout: limits.socketTimeoutMs,
    }),
  });
  const asked = { RoleArn: roleArn, RoleSessionName: "sluice", DurationSeconds: SESSION_SECONDS };
  return createS3Client(location, connections, async (): Promise<S3Credentials> => {
    const { Credentials: session } = await sts.send(new AssumeRoleCommand(asked)).catch((error) => {
      throw toDomainError(error, `becoming ${roleArn}`);
    });
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = session ?? {};
    if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) {
      throw new Error("AssumeRole answered without credentials");
    }
    const endsAtMs = session?.Expiration?.getTime() ?? Date.now() + SESSION_SECONDS * 1000;
    // The expiration is stated earlier than it is, so that credentials are renewed while they last for one more URL.
    return { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(endsAtMs - lifetimeMinMs) };
  });
}
