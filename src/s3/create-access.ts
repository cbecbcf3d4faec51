import type { S3Client } from "@aws-sdk/client-s3";
import { RetryBudget } from "../domain/limits/retry-budget.ts";
import type { ChecksumProof, Encryption, S3Access } from "./access.ts";
import type { BodyPolicy } from "./bodies/replayable-body.ts";
import { BodyRequests } from "./requests/body-requests.ts";
import type { BreakerLimits, OperationClass } from "./requests/breaker.ts";
import { BucketBreakers } from "./requests/bucket-breakers.ts";
import { ByRegion } from "./requests/by-region.ts";
import { createS3Client, type S3Credentials, type S3Location } from "./requests/client.ts";
import { type ConnectionLimits, Connections } from "./requests/connections.ts";
import { createReadClient, type ReadRole } from "./requests/read-client.ts";
import { toRetryLimits } from "./requests/retries.ts";

/** The place of S3, and the settings of the adapter. */
export interface S3Settings {
  /** Its region is that of the buckets for which `regionOf` knows none. */
  s3: S3Location & {
    readRole?: ReadRole | undefined;
    limits: ConnectionLimits;
    checksums: ChecksumProof;
    encryption: Encryption;
  };
  breaker: BreakerLimits;
  body: BodyPolicy;
}

/** The adapter's access to any bucket, over connections of its own. */
export interface OwnS3Access {
  /** The access to a bucket. Requests are signed for its region, and go there unless the settings name another endpoint. */
  at: (bucket: string) => S3Access;
  /** The access for what callers read; it uses the read role when there is one. */
  readAt: (bucket: string) => S3Access;
  connections: Connections;
  /** Ends the connections, and with them every request that is under way. */
  close(): void;
}

/**
 * Opens the adapter's access to S3; nothing is sent yet. All buckets share the connections, the slots and the clock; each region
 * has a client and a budget of retries, and each bucket has breakers of its own. Credentials are by default those of the SDK's default chain, and
 * those of one region are used in all.
 */
export function createS3Access(
  { s3, breaker, body }: S3Settings,
  options: Pick<S3Access, "watcher" | "closing"> & {
    /** The region that a bucket is to lie in; undefined for a bucket of no namespace. */
    regionOf?: (bucket: string) => string | undefined;
    credentials?: () => Promise<S3Credentials>;
    onBreaker?: (at: { bucket: string; operation: OperationClass }, isOpen: boolean) => void;
  } = {},
): OwnS3Access {
  const { regionOf = () => undefined, credentials, onBreaker = () => {}, ...watched } = options;
  const connections = new Connections(s3.limits);
  const { slots, clock } = connections;
  const breakers = new BucketBreakers(breaker, { onChange: onBreaker });
  const toClients = (home: S3Client) =>
    new ByRegion((region) =>
      region === s3.region ? home : createS3Client({ ...s3, region }, connections, home.config.credentials),
    );
  const clients = toClients(createS3Client(s3, connections, credentials));
  const bodies = new ByRegion((region) => new BodyRequests(clients.of(region), connections));
  const readHome = createReadClient(s3, connections);
  const readClients = readHome === undefined ? clients : toClients(readHome);
  const policies = new ByRegion(() => ({ ...body, retries: new RetryBudget(toRetryLimits(s3.limits)) }));
  const at = (bucket: string, clientsOfRole = clients): S3Access => {
    const region = regionOf(bucket) ?? s3.region;
    return {
      client: clientsOfRole.of(region),
      bodies: bodies.of(region),
      slots,
      clock,
      breakers: breakers.of(bucket),
      body: policies.of(region),
      checksums: s3.checksums,
      encryption: s3.encryption,
      ...watched,
    };
  };
  return {
    at: (bucket) => at(bucket),
    readAt: (bucket) => at(bucket, readClients),
    connections,
    close: () => connections.destroy(),
  };
}
