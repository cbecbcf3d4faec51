import { PutBucketVersioningCommand } from "@aws-sdk/client-s3";
import type { ChecksumProof, S3Access } from "../../../s3/access.ts";
import type { BodyPolicy } from "../../../s3/bodies/replayable-body.ts";
import { createS3Access, type OwnS3Access } from "../../../s3/create-access.ts";
import { createObjectStore } from "../../../s3/object-store.ts";
import type { BreakerLimits } from "../../../s3/requests/breaker.ts";
import type { ConnectionLimits } from "../../../s3/requests/connections.ts";
import type { Download, ObjectStoreSubject } from "./object-store-subject.ts";

/** An S3 server that tests may use. */
export interface S3Endpoint {
  url: string;
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
  /** Exists already. */
  bucket: string;
}

/** How bodies go in tests: as in production, but retried at once. */
export const TEST_BODY_POLICY: BodyPolicy = {
  layout: { form: "trailer", chunkBytes: 0, corkBytes: 64 * 1024 },
  retry: { triesMax: 4, baseDelayMs: 1, delayMaxMs: 5, timeMaxMs: 20_000, random: () => 0.5 },
  idleTimeoutMs: 10_000,
  answerTimeoutMs: 10_000,
};

/** Never opens. */
const CLOSED_BREAKER: BreakerLimits = { failurePercentMax: 100, requestsMin: 1e9, windowMs: 10_000, openMs: 10 };

const CONNECTION_LIMITS: ConnectionLimits = {
  requestsMax: { body: 64, control: 64, read: 64, copy: 64, probe: 4 },
  connectTimeoutMs: 3000,
  socketTimeoutMs: 30_000,
  tlsMin: "TLSv1.3",
};

/** The adapter on an S3 server. `close` ends its connections and then what else is given. */
export function createS3Subject(
  endpoint: S3Endpoint,
  close: () => Promise<void> = async () => {},
  { checksums = "stated" }: { checksums?: ChecksumProof } = {},
): ObjectStoreSubject {
  const ours = createTestAccess(endpoint, { checksums });
  const stranger = createTestAccess({ ...endpoint, secretAccessKey: "not-the-secret" });
  return {
    store: createObjectStore(ours.at),
    withLayout: (layout) =>
      createObjectStore((bucket) => {
        const access = ours.at(bucket);
        return { ...access, body: { ...access.body, layout } };
      }),
    withWrongSecret: createObjectStore(stranger.at),
    bucket: endpoint.bucket,
    region: endpoint.region,
    download,
    upload: putPresigned,
    close: async () => {
      ours.close();
      stranger.close();
      await close();
    },
  };
}

/** What the adapter needs, as the service puts it together, but with static credentials. */
export interface TestAccess extends OwnS3Access {
  /** The access to a bucket of the endpoint's region. */
  access: S3Access;
}

/** Opens the access of a test. `close` ends its connections. */
export function createTestAccess(
  endpoint: Omit<S3Endpoint, "bucket">,
  options: {
    body?: Partial<BodyPolicy>;
    limits?: Partial<ConnectionLimits>;
    breaker?: Partial<BreakerLimits>;
    checksums?: ChecksumProof;
    regionOf?: (bucket: string) => string | undefined;
  } = {},
): TestAccess {
  const { region, url, accessKeyId, secretAccessKey } = endpoint;
  const settings = {
    s3: {
      region,
      endpoint: url,
      forcePathStyle: true,
      checksums: options.checksums ?? ("stated" as const),
      encryption: "sse-s3" as const,
      limits: { ...CONNECTION_LIMITS, ...options.limits },
    },
    breaker: { ...CLOSED_BREAKER, ...options.breaker },
    body: { ...TEST_BODY_POLICY, ...options.body },
  };
  const own = createS3Access(settings, {
    credentials: async () => ({ accessKeyId, secretAccessKey }),
    ...(options.regionOf !== undefined && { regionOf: options.regionOf }),
  });
  return { ...own, access: own.at("bucket") };
}

/** Has a bucket keep versions from now on. */
export async function keepVersions(endpoint: Omit<S3Endpoint, "bucket">, bucket: string): Promise<void> {
  const { access, close } = createTestAccess(endpoint);
  try {
    const VersioningConfiguration = { Status: "Enabled" } as const;
    await access.client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  } finally {
    close();
  }
}

/** PUTs bytes to a presigned URL; the status. Their length is what it is, whatever `headers` say. */
export async function putPresigned(
  url: string,
  headers: Readonly<Record<string, string>>,
  bytes: Uint8Array,
): Promise<number> {
  const { "content-length": _, ...others } = headers;
  const body = Uint8Array.from(bytes);
  const answer = await fetch(url, { method: "PUT", headers: { ...others, connection: "close" }, body });
  await answer.arrayBuffer();
  return answer.status;
}

async function download(url: string): Promise<Download> {
  const answer = await fetch(url, { headers: { connection: "close" } });
  const { headers } = answer;
  return {
    status: answer.status,
    headers: { disposition: headers.get("content-disposition"), contentType: headers.get("content-type") },
    bytes: Buffer.from(await answer.arrayBuffer()),
  };
}
