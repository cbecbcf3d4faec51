import { availableParallelism } from "node:os";
import { z } from "zod";
import { PARTS_MAX, S3_PART_MAX_BYTES } from "../domain/namespaces/namespace-bounds.ts";
import { findAuditLogProblems, toAuditLog } from "./audit-log.ts";
import { findAuthProblems } from "./auth-problems.ts";
import { ENVIRONMENT, type Environment, REPLAYABLE_PART_MAX_BYTES } from "./config-environment.ts";
import { toAddress, toSetValue } from "./config-values.ts";
import { findDatabaseAuthProblems, toIamRegion } from "./database-auth.ts";
import { findDatabaseProblems, toDatabase } from "./database-tls.ts";
import { findDeliveryProblems } from "./delivery-values.ts";
import { findSizeProblems, toWorkerMinBytes } from "./size-problems.ts";
import { findTelemetryProblems, toTelemetry } from "./telemetry-settings.ts";
import { findTlsProblems } from "./tls-problems.ts";

const MIB = 2 ** 20;
/** Bytes of a one-shot part that may wait for S3's socket: enough that the socket never waits for more. */
const ONE_SHOT_WINDOW_BYTES = 4 * MIB;
/** The share of a worker's memory for parts in flight. Two parts of the larger size always fit. */
const PARTS_SHARE = 3 / 8;
/**
 * Memory that a stream that writes takes beside its parts and its window, in bytes: its objects, those of its connection, and
 * memory that the garbage collector has not freed yet (measured).
 */
const STREAM_BYTES = 160 * 1024;
/** A session of the read role lasts an hour at most. It is renewed early enough for one more URL. */
const READ_ROLE_URL_MAX_SECONDS = 3000;

/** Everything that is configured, in the service's own units. */
export type Config = ReturnType<typeof toConfig>;

/** All problems of the environment, one sentence each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length === 1 ? "a problem" : "problems"}:\n  ${problems.join("\n  ")}`);
    this.problems = problems;
  }
}

/** Reads the environment. Throws ConfigError with every problem at once. */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const set = toSet(environment);
  const result = z.object(ENVIRONMENT).safeParse(set);
  // A variable that is wrong by itself must not hide variables that do not fit together: the rest is compared all the same.
  const sound = result.success ? result.data : keepSound(set);
  const problems = [...(result.error?.issues.map(toSentence) ?? []), ...findContradictions(sound)];
  if (!result.success || problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(toConfig(result.data));
}

/** How the database itself is reached, past a pooler, which is all that a schema migration needs. Throws ConfigError. */
export function parseDatabase(environment: Readonly<Record<string, string | undefined>>): DatabaseConfig {
  const { SLUICE_DATABASE_URL, SLUICE_DATABASE_DIRECT_URL, SLUICE_DATABASE_CA } = ENVIRONMENT;
  const { SLUICE_DATABASE_AUTH, AWS_REGION, NODE_ENV } = ENVIRONMENT;
  const urls = { SLUICE_DATABASE_URL, SLUICE_DATABASE_DIRECT_URL };
  const variables = { ...urls, SLUICE_DATABASE_CA, SLUICE_DATABASE_AUTH, AWS_REGION, NODE_ENV };
  const result = z.object(variables).safeParse(toSet(environment));
  const problems = result.success
    ? [...findDatabaseProblems(result.data), ...findDatabaseAuthProblems(result.data)]
    : result.error.issues.map(toSentence);
  if (!result.success || problems.length > 0) throw new ConfigError(problems);
  return toDatabaseConfig(result.data.SLUICE_DATABASE_DIRECT_URL ?? result.data.SLUICE_DATABASE_URL, result.data);
}

/** How a database is reached, and in which region RDS issues a token for each login; without a region the URL has the password. */
type DatabaseConfig = ReturnType<typeof toDatabaseConfig>;

function toDatabaseConfig(
  url: string,
  env: Pick<Environment, "SLUICE_DATABASE_CA" | "SLUICE_DATABASE_AUTH" | "AWS_REGION">,
) {
  return { ...toDatabase(url, env.SLUICE_DATABASE_CA), iamRegion: toIamRegion(url, env) };
}

function toSet(environment: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, toSetValue(value)]));
}

/** The variables that are valid by themselves. The others are `undefined` in spite of their type, and are not compared. */
function keepSound(set: Readonly<Record<string, string | undefined>>): Partial<Environment> {
  const sound: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(ENVIRONMENT)) sound[name] = schema.safeParse(set[name]).data;
  return sound as Partial<Environment>;
}

function toSentence(issue: z.core.$ZodIssue): string {
  return `${issue.path.join(".")} ${issue.message}`;
}

function findContradictions(env: Partial<Environment>): string[] {
  const problems: string[] = [];
  if (env.SLUICE_S3_REGION === undefined && env.AWS_REGION === undefined) {
    problems.push("SLUICE_S3_REGION is missing; name the region of the bucket");
  }
  const { SLUICE_S3_READ_ROLE_ARN: readRole, SLUICE_DOWNLOAD_URL_MAX_SECONDS: urlSeconds } = env;
  if (readRole !== undefined && urlSeconds !== undefined && urlSeconds > READ_ROLE_URL_MAX_SECONDS) {
    problems.push(
      `SLUICE_DOWNLOAD_URL_MAX_SECONDS is ${urlSeconds}; with SLUICE_S3_READ_ROLE_ARN it must be at most ${READ_ROLE_URL_MAX_SECONDS}, as a URL ends with the session of the role that signed it`,
    );
  }
  return [
    ...findTlsProblems(env),
    ...findDatabaseProblems(env),
    ...findDatabaseAuthProblems(env),
    ...problems,
    ...findAuthProblems(env),
    ...findTelemetryProblems(env),
    ...findAuditLogProblems(env),
    ...findDeliveryProblems(env),
    ...findSizeProblems(env),
  ];
}

/** One worker for each core, but no more than the budget allows: defaults must work on any machine. */
function chooseWorkers(env: Environment): number {
  const fed = Math.floor(env.SLUICE_MEMORY_BUDGET_BYTES / toWorkerMinBytes(env.SLUICE_PART_SIZE_BYTES));
  return env.SLUICE_WORKERS ?? Math.min(availableParallelism(), fed);
}

function toConfig(env: Environment) {
  const workers = chooseWorkers(env);
  const workerBytes = Math.floor(env.SLUICE_MEMORY_BUDGET_BYTES / workers);
  // The rest is for bytes that are no longer used, but that the collector and the allocator have not given back yet.
  const budgetBytes = Math.max(Math.floor(workerBytes * PARTS_SHARE), 4 * env.SLUICE_PART_SIZE_BYTES);
  const uploadsMax = env.SLUICE_UPLOADS_MAX;
  // A worker must be able to keep at least two of the largest parts at once, or one upload would starve all others.
  const replayableMaxBytes = Math.min(REPLAYABLE_PART_MAX_BYTES, Math.floor(budgetBytes / 2 / MIB) * MIB);
  const replayablePartMaxBytes = Math.max(2 * env.SLUICE_PART_SIZE_BYTES, replayableMaxBytes);
  const region = env.SLUICE_S3_REGION ?? (env.AWS_REGION as string);
  return {
    listen: toAddress(env.SLUICE_LISTEN),
    metricsListen: env.SLUICE_METRICS_LISTEN === undefined ? undefined : toAddress(env.SLUICE_METRICS_LISTEN),
    tls:
      env.SLUICE_TLS_CERT === undefined
        ? undefined
        : {
            certFile: env.SLUICE_TLS_CERT,
            keyFile: env.SLUICE_TLS_KEY as string,
            clientCaFile: env.SLUICE_TLS_CLIENT_CA,
          },
    workers,
    database: {
      ...toDatabaseConfig(env.SLUICE_DATABASE_URL, env),
      replica:
        env.SLUICE_DATABASE_READ_URL === undefined ? undefined : toDatabaseConfig(env.SLUICE_DATABASE_READ_URL, env),
    },
    s3: {
      region,
      endpoint: env.SLUICE_S3_ENDPOINT,
      // S3 servers other than AWS have no host name for each bucket.
      forcePathStyle: env.SLUICE_S3_ENDPOINT !== undefined,
      readRole:
        env.SLUICE_S3_READ_ROLE_ARN === undefined
          ? undefined
          : { roleArn: env.SLUICE_S3_READ_ROLE_ARN, lifetimeMinMs: env.SLUICE_DOWNLOAD_URL_MAX_SECONDS * 1000 },
      checksums: env.SLUICE_S3_CHECKSUMS,
      encryption: env.SLUICE_S3_ENCRYPTION,
      partMinBytes: env.SLUICE_S3_PART_MIN_BYTES,
      limits: {
        // Each request has a connection of its own. At 100 ms an acknowledgement, 256 parts of 8 MiB are far more than one
        // process can send. Readers may be slow, so some of their connections are kept for the service's own reads
        // (WORK_LIMITS, "reads of files").
        requestsMax: { body: 256, control: 64, read: 160, copy: 64, probe: 4 },
        connectTimeoutMs: 3000,
        socketTimeoutMs: 30_000,
        tlsMin: env.SLUICE_S3_TLS_MIN === "1.2" ? ("TLSv1.2" as const) : ("TLSv1.3" as const),
      },
    },
    body: {
      layout: {
        form: env.SLUICE_S3_TRAILERS === "on" ? ("trailer" as const) : ("header" as const),
        chunkBytes: env.SLUICE_S3_CHUNK_BYTES,
        // Measured: in plaintext, larger writes cost less. Under TLS, Node first copies a write into one piece, which is
        // cheap only while the piece is small enough to stay in the cache.
        corkBytes: env.SLUICE_S3_ENDPOINT?.startsWith("http:") === true ? 128 * 1024 : 64 * 1024,
      },
      retry: { triesMax: 6, baseDelayMs: 100, delayMaxMs: 5000, timeMaxMs: 60_000, random: Math.random },
      // S3 closes bodies that idle for about 20 s.
      idleTimeoutMs: 10_000,
      answerTimeoutMs: 30_000,
    },
    breaker: { failurePercentMax: 50, requestsMin: 20, windowMs: 10_000, openMs: 2000 },
    namespace: {
      name: env.SLUICE_NAMESPACE,
      bucket: env.SLUICE_S3_BUCKET,
      region,
      allowedRegions: [region] as readonly string[],
      keyPrefix: env.SLUICE_S3_KEY_PREFIX,
      fileSizeMaxBytes: env.SLUICE_FILE_SIZE_MAX_BYTES,
      retentionMs: env.SLUICE_RETENTION_DAYS * 86_400_000,
      retainDefaultMs: env.SLUICE_RETAIN_DAYS * 86_400_000,
      downloadUrlLifetimeMaxMs: env.SLUICE_DOWNLOAD_URL_MAX_SECONDS * 1000,
      partUrlLifetimeMaxMs: env.SLUICE_PART_URL_MAX_SECONDS * 1000,
      linkLifetimeMaxMs: env.SLUICE_LINK_MAX_SECONDS * 1000,
      audit: env.SLUICE_AUDIT,
    },
    /** How long entries of the journal are kept, in days. */
    journalDays: env.SLUICE_JOURNAL_DAYS,
    /** Where the audit log is published, and by which keys; undefined where none is. */
    auditLog: toAuditLog(env, region),
    /** Memory for the bytes of files, for all workers together: for parts, for windows, and for bytes that are not freed yet. */
    memoryBytes: env.SLUICE_MEMORY_BUDGET_BYTES,
    /** Memory of a worker for the bytes of parts. */
    budgetBytes,
    /** Streams that may write at once, for all workers together. */
    uploadsMax,
    // Even when one worker has all uploads, their steps together take at most a quarter: whole parts find room in the rest.
    budget: {
      stepBytes: Math.max(2 ** 14, Math.min(2 ** 18, Math.floor(budgetBytes / 4 / uploadsMax))),
      streamBytes: STREAM_BYTES,
    },
    uploads: {
      partSizeBytes: env.SLUICE_PART_SIZE_BYTES,
      // A file of unknown size may be large: parts of twice the size leave room for 156 GiB.
      partSizeUnknownBytes: 2 * env.SLUICE_PART_SIZE_BYTES,
      replayablePartMaxBytes,
      // Without a trailer the checksum is sent before the bytes, so all bytes must be there.
      partSizeMaxBytes: env.SLUICE_S3_TRAILERS === "on" ? S3_PART_MAX_BYTES : replayablePartMaxBytes,
      oneShotWindowBytes: Math.min(ONE_SHOT_WINDOW_BYTES, Math.floor(budgetBytes / 4)),
      partsMax: PARTS_MAX,
      chunkSizeMaxBytes: 2 * MIB,
      // At 100 ms an acknowledgement, 16 parts of 8 MiB carry over 1 GiB/s.
      partsInFlightMax: 16,
      claimAheadParts: 16,
      stallTimeoutMs: env.SLUICE_STALL_TIMEOUT_MS,
      // A working network holds bytes back for less than this, and a caller that waits for a slot does not wait for long.
      slotSilenceMaxMs: 5000,
      unfinishedMax: env.SLUICE_UNFINISHED_UPLOADS_MAX,
      expireAfterMs: 24 * 3_600_000,
      // This is below the 7 days after which the bucket's lifecycle aborts uploads, so an upload never loses its parts before
      // it expires.
      expireCapMs: 6 * 24 * 3_600_000,
    },
    /** How long bytes and commits wait for a database that restarts: 30 s, however often they try. */
    databaseBackoff: {
      triesMax: Number.POSITIVE_INFINITY,
      baseDelayMs: 100,
      delayMaxMs: 2000,
      timeMaxMs: 30_000,
      random: Math.random,
    },
    listener: {
      connectionsMax: 4096,
      // All callers of a proxy have connections from the proxy's address.
      connectionsPerAddressMax:
        env.SLUICE_TRUSTED_PROXIES > 0 ? undefined : Math.ceil(env.SLUICE_ADDRESS_CONNECTIONS_MAX / workers),
      handshakeTimeoutMs: 10_000,
      // Load balancers close an idle connection after 60 s: they must be the first to end it.
      idleTimeoutMs: 120_000,
      // Windows begin so small that a thousand of them fit into memory, and grow with the distance.
      windowStartBytes: 256 * 1024,
      streamWindowBytes: env.SLUICE_STREAM_WINDOW_BYTES,
      sessionWindowBytes: env.SLUICE_CONNECTION_WINDOW_BYTES,
      // Windows have a share of their own. When they took the memory that parts left free, the first window got all of it.
      windowsGrownMaxBytes: Math.floor(workerBytes / 8),
      // A call that waits for its answer takes some 40 KiB, and a body that nobody reads yet takes 256 KiB.
      streamsMax: 256,
      // A single connection can cause about a tenth of a second of work at one moment. A call that waits for storage or the
      // database is no work.
      callsBegunMax: 64,
      callHoldMs: 1000,
      headersMaxBytes: 32_768,
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 300_000,
    },
    api: {
      messageMaxBytes: 4 * MIB,
      answerStallMs: env.SLUICE_STALL_TIMEOUT_MS,
      // The longest request is CompleteUpload with a list of 10,000 parts in JSON. It has 750 KB; 35 KB/s bring 1 MiB in time.
      messageLimits: { maxBytes: MIB, timeoutMs: 30_000 },
      deadlineMaxMs: 24 * 3_600_000,
      corsOrigins: env.SLUICE_CORS_ORIGINS,
    },
    /** Memory of a worker for parsed messages of callers; two of the largest always find room. */
    messageBudgetBytes: 128 * MIB,
    /** The URL has no slash at its end. When undefined, the address that the service listens on is used. */
    publicUrl: env.SLUICE_PUBLIC_URL?.replace(/(?<!\/)\/+$/, ""),
    /** ARNs of the buses that subscriptions may name. */
    eventBuses: env.SLUICE_EVENT_BUSES,
    /** Networks that webhooks may reach beside the public ones. */
    webhookNetworks: env.SLUICE_WEBHOOK_NETWORKS,
    trustedProxies: env.SLUICE_TRUSTED_PROXIES,
    drainTimeoutMs: env.SLUICE_DRAIN_TIMEOUT_MS,
    admins: env.SLUICE_ADMINS,
    auth: {
      devToken: env.SLUICE_AUTH.includes("dev") ? env.SLUICE_DEV_TOKEN : undefined,
      issuers: env.SLUICE_OIDC_ISSUERS ?? [],
      iam: env.SLUICE_AUTH.includes("iam")
        ? {
            accounts: env.SLUICE_IAM_ACCOUNTS as string[],
            serverId: env.SLUICE_IAM_SERVER_ID as string,
            endpoint: env.AWS_ENDPOINT_URL_STS?.replace(/\/$/, ""),
          }
        : undefined,
    },
    uploadTokens: {
      /** The first signs, and all verify; none when the service makes and takes no upload tokens. */
      keys: env.SLUICE_TOKEN_KEYS ?? [],
      lifetimeMaxMs: env.SLUICE_UPLOAD_TOKEN_MAX_SECONDS * 1000,
    },
    logLevel: env.SLUICE_LOG_LEVEL,
    telemetry: toTelemetry(env),
  };
}
