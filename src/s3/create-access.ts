import type { S3Client } from "@aws-sdk/client-s3";
import type { ChecksumProof, Encryption, S3Access } from "./access.ts";
import { BodyRequests } from "./body-requests.ts";
import { type BreakerLimits, createBreakers } from "./breaker.ts";
import { createS3Client, type S3Credentials, type S3Location } from "./client.ts";
import { type ConnectionLimits, Connections } from "./connections.ts";
import { createReadClient, type ReadRole } from "./read-client.ts";
import type { ReplayableBodyPolicy } from "./replayable-body.ts";

/** The place of S3, and the settings of the adapter. */
export interface S3Settings {
  s3: S3Location & {
    readRole?: ReadRole | undefined;
    limits: ConnectionLimits;
    checksums: ChecksumProof;
    encryption: Encryption;
  };
  breaker: BreakerLimits;
  body: ReplayableBodyPolicy;
}

/** The adapter's access over connections of its own. */
export interface OwnS3Access {
  access: S3Access;
  connections: Connections;
  /** The client that reads for callers; it uses the read role when there is one. */
  readClient: S3Client;
  /** Ends the connections, and with them every request that is under way. */
  close(): void;
}

/** Opens the adapter's access to S3; nothing is sent yet. Credentials are by default those of the SDK's default chain. */
export function createS3Access(
  { s3, breaker, body }: S3Settings,
  options: Pick<S3Access, "watcher" | "closing"> & {
    credentials?: () => Promise<S3Credentials>;
    onBreaker?: Parameters<typeof createBreakers>[1];
  } = {},
): OwnS3Access {
  const { credentials, onBreaker = () => {}, ...watched } = options;
  const connections = new Connections(s3.limits);
  const { slots, clock } = connections;
  const client = createS3Client(s3, connections, credentials);
  const bodies = new BodyRequests(client, connections);
  const breakers = createBreakers(breaker, onBreaker);
  return {
    access: {
      client,
      bodies,
      slots,
      clock,
      breakers,
      body,
      checksums: s3.checksums,
      encryption: s3.encryption,
      ...watched,
    },
    connections,
    readClient: createReadClient(s3, connections) ?? client,
    close: () => {
      client.destroy();
      connections.destroy();
    },
  };
}
