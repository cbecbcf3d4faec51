import { availableParallelism } from "node:os";
import { z } from "zod";

const MIB = 2 ** 20;
/** S3 takes at most 10,000 parts an upload: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const PARTS_MAX = 10_000;

const PORT_MAX = 65_535;
/** A session of the read role lasts an hour at most, and is renewed early enough for one more URL. */
const READ_ROLE_URL_MAX_SECONDS = 3000;

/** One setting of the environment: what it is and how it is read. */
function bytes(fallback: number, min: number) {
  return z.coerce.number().int().min(min).default(fallback);
}

function milliseconds(fallback: number, min = 1) {
  return z.coerce.number().int().min(min).default(fallback);
}

/** An empty variable is an unset one, as deployment templates leave them. */
const optional = z.string().optional();

/**
 * The environment that the service reads, with defaults and bounds. The README's table says the same in prose, and a
 * test compares the names.
 */
export const ENVIRONMENT = {
  /** Host and port to listen on; port 0 takes a free one. */
  SLUICE_LISTEN: z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be host:port, for instance "0.0.0.0:8080"')
    .refine((address) => Number(/\d*$/.exec(address)) <= PORT_MAX, `must have a port of at most ${PORT_MAX}`)
    .default("127.0.0.1:8080"),
  /** PEM files of the certificate chain and key: TLS 1.3 only. Both or none. */
  SLUICE_TLS_CERT: optional,
  SLUICE_TLS_KEY: optional,
  /** Worker processes that share the port; one a core when unset, or as many as the memory budget feeds. */
  SLUICE_WORKERS: z.coerce.number().int().min(1).max(256).optional(),
  /** postgres://user:password@host:port/database */
  SLUICE_DATABASE_URL: z
    .string("is missing; set it to postgres://user:password@host:5432/database")
    .regex(/^postgres(ql)?:\/\//, "must begin with postgres://"),
  /** A read replica for queries; the same database when unset. */
  SLUICE_DATABASE_READ_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must begin with postgres://")
    .optional(),
  /** Bucket of the namespace. */
  SLUICE_S3_BUCKET: z
    .string("is missing; name the bucket that keeps the files")
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "must be a bucket name: 3 to 63 of a-z, 0-9, '.', '-'"),
  /** Region of the bucket; AWS_REGION when unset. */
  SLUICE_S3_REGION: optional,
  /** URL of an S3 server other than AWS. */
  SLUICE_S3_ENDPOINT: z.url({ protocol: /^https?$/, error: "must be a http:// or https:// URL" }).optional(),
  /** Put before every key; ends in "/" or is empty. */
  SLUICE_S3_KEY_PREFIX: z
    .string()
    .regex(/^([\w.-]+\/)*$/, 'must be empty or end in "/"')
    .default(""),
  /** Role that downloads and their URLs are signed with, assumed with the service's own credentials. */
  SLUICE_S3_READ_ROLE_ARN: z
    .string()
    .regex(/^arn:aws(-cn|-us-gov)?:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/, "must be the ARN of a role")
    .optional(),
  /** "off" for S3 servers without checksum trailers: parts are then gathered before they go. */
  SLUICE_S3_TRAILERS: z.enum(["on", "off"]).default("on"),
  /** Bytes of one aws-chunk of a part's body; 0 sends a part as one chunk, which costs least. */
  SLUICE_S3_CHUNK_BYTES: z.coerce.number().int().min(0).default(0),
  /** The namespace that this service serves. */
  SLUICE_NAMESPACE: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 of a-z, 0-9, '-'")
    .default("default"),
  /** Largest file, in bytes. */
  SLUICE_FILE_SIZE_MAX_BYTES: bytes(PARTS_MAX * 64 * MIB, 1),
  /** Part size for files of ordinary, declared size. S3 refuses parts under 5 MiB. */
  SLUICE_PART_SIZE_BYTES: bytes(8 * MIB, 1024),
  /** Bytes of parts in flight, all workers together. */
  SLUICE_MEMORY_BUDGET_BYTES: bytes(512 * MIB, 1024),
  /** Streams that write at once, all workers together, each with an even share; more are refused with OVERLOADED. */
  SLUICE_UPLOADS_MAX: z.coerce.number().int().min(1).default(1000),
  /** A stream that makes no progress for this long is ended. */
  SLUICE_STALL_TIMEOUT_MS: milliseconds(60_000, 100),
  /** How long open calls may take to end after SIGTERM. */
  SLUICE_DRAIN_TIMEOUT_MS: milliseconds(25_000, 0),
  /** How long deleted and replaced files can be restored. */
  SLUICE_RETENTION_DAYS: z.coerce.number().int().min(1).default(30),
  /** Longest life of a presigned download URL; S3 allows 7 days. */
  SLUICE_DOWNLOAD_URL_MAX_SECONDS: z.coerce.number().int().min(1).max(604_800).default(900),
  /** What a caller may send ahead on one stream, where its distance needs it; 24 MiB carry 400 MiB/s at 60 ms. */
  SLUICE_STREAM_WINDOW_BYTES: bytes(24 * MIB, 65_535),
  /** The same for all streams of one connection together. */
  SLUICE_CONNECTION_WINDOW_BYTES: bytes(32 * MIB, 65_535),
  /** Origins whose scripts may call from a browser, separated by commas. */
  SLUICE_CORS_ORIGINS: z.string().default(""),
  /** How callers prove who they are. "dev": one static token, refused when NODE_ENV is production. */
  SLUICE_AUTH: z.enum(["dev"], { error: 'must be "dev"' }),
  /** The static token, at least 8 characters. */
  SLUICE_DEV_TOKEN: z.string().min(8, "must have at least 8 characters").optional(),
  SLUICE_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  AWS_REGION: optional,
  NODE_ENV: optional,
} as const;

/** Everything that is configured, in the service's own units. */
export type Config = ReturnType<typeof toConfig>;

/** All that is wrong with the environment, one sentence each. */
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
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const result = z.object(ENVIRONMENT).safeParse(set);
  // What is wrong by itself hides nothing of what does not fit together: the rest is compared all the same.
  const sound = result.success ? result.data : keepSound(set);
  const problems = [...(result.error?.issues.map(toSentence) ?? []), ...findContradictions(sound)];
  if (!result.success || problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(toConfig(result.data));
}

type Environment = z.infer<z.ZodObject<typeof ENVIRONMENT>>;

/** The variables that are right by themselves; the others, `undefined` in spite of their type, are not compared. */
function keepSound(set: Readonly<Record<string, string | undefined>>): Partial<Environment> {
  const sound: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(ENVIRONMENT)) sound[name] = schema.safeParse(set[name]).data;
  return sound as Partial<Environment>;
}

function toSentence(issue: z.core.$ZodIssue): string {
  return `${issue.path.join(".")} ${issue.message.replace(/^(Invalid input|Too small|Too big): /, "is not right: ")}`;
}

function findContradictions(env: Partial<Environment>): string[] {
  const problems: string[] = [];
  if ((env.SLUICE_TLS_CERT === undefined) !== (env.SLUICE_TLS_KEY === undefined)) {
    problems.push("SLUICE_TLS_CERT and SLUICE_TLS_KEY must be set together");
  }
  if (env.SLUICE_S3_REGION === undefined && env.AWS_REGION === undefined) {
    problems.push("SLUICE_S3_REGION is missing; name the region of the bucket");
  }
  if (env.SLUICE_AUTH === "dev" && env.NODE_ENV === "production") {
    problems.push('SLUICE_AUTH is "dev", which is refused while NODE_ENV is "production"');
  }
  if (env.SLUICE_AUTH === "dev" && env.SLUICE_DEV_TOKEN === undefined) {
    problems.push("SLUICE_DEV_TOKEN is missing; set the token that callers send");
  }
  const { SLUICE_S3_READ_ROLE_ARN: readRole, SLUICE_DOWNLOAD_URL_MAX_SECONDS: urlSeconds } = env;
  if (readRole !== undefined && urlSeconds !== undefined && urlSeconds > READ_ROLE_URL_MAX_SECONDS) {
    problems.push(
      `SLUICE_DOWNLOAD_URL_MAX_SECONDS is ${urlSeconds}; with SLUICE_S3_READ_ROLE_ARN it must be at most ${READ_ROLE_URL_MAX_SECONDS}, as a URL ends with the session of the role that signed it`,
    );
  }
  const { SLUICE_CONNECTION_WINDOW_BYTES: connectionWindow, SLUICE_STREAM_WINDOW_BYTES: streamWindow } = env;
  if (connectionWindow !== undefined && streamWindow !== undefined && connectionWindow < streamWindow) {
    problems.push(
      `SLUICE_CONNECTION_WINDOW_BYTES is ${connectionWindow}; it must be at least SLUICE_STREAM_WINDOW_BYTES, ${streamWindow}`,
    );
  }
  return [...problems, ...findShareProblem(env)];
}

/** Least memory of a worker, in bytes: four parts of the larger size, that of files whose own size is unknown. */
function toWorkerMinBytes(partSizeBytes: number): number {
  return 4 * 2 * partSizeBytes;
}

function findShareProblem(env: Partial<Environment>): string[] {
  const { SLUICE_MEMORY_BUDGET_BYTES: budget, SLUICE_PART_SIZE_BYTES: partSize } = env;
  if (budget === undefined || partSize === undefined) return [];
  const workers = env.SLUICE_WORKERS ?? 1;
  const { SLUICE_UPLOADS_MAX: uploadsMax = workers } = env;
  if (uploadsMax < workers) return [`SLUICE_UPLOADS_MAX is ${uploadsMax}; each of ${workers} workers needs one`];
  const perWorker = Math.floor(budget / workers);
  const perWorkerMin = toWorkerMinBytes(partSize);
  if (perWorker >= perWorkerMin) return [];
  return [
    `SLUICE_MEMORY_BUDGET_BYTES gives each of ${workers} workers ${perWorker} bytes; ` +
      `parts of ${partSize} bytes need at least ${perWorkerMin}: raise it, or lower SLUICE_WORKERS`,
  ];
}

/** One worker a core, but no more than the budget and the streams can feed: defaults must work on any machine. */
function chooseWorkers(env: Environment): number {
  const fed = Math.floor(env.SLUICE_MEMORY_BUDGET_BYTES / toWorkerMinBytes(env.SLUICE_PART_SIZE_BYTES));
  return env.SLUICE_WORKERS ?? Math.min(availableParallelism(), fed, env.SLUICE_UPLOADS_MAX);
}

function toConfig(env: Environment) {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(env.SLUICE_LISTEN) ?? [];
  const workers = chooseWorkers(env);
  const budgetBytes = Math.floor(env.SLUICE_MEMORY_BUDGET_BYTES / workers);
  const region = env.SLUICE_S3_REGION ?? (env.AWS_REGION as string);
  return {
    listen: { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) },
    tls:
      env.SLUICE_TLS_CERT === undefined
        ? undefined
        : { certFile: env.SLUICE_TLS_CERT, keyFile: env.SLUICE_TLS_KEY as string },
    workers,
    database: { url: env.SLUICE_DATABASE_URL, readUrl: env.SLUICE_DATABASE_READ_URL },
    s3: {
      region,
      endpoint: env.SLUICE_S3_ENDPOINT,
      // S3 servers other than AWS have no host name a bucket.
      forcePathStyle: env.SLUICE_S3_ENDPOINT !== undefined,
      readRole:
        env.SLUICE_S3_READ_ROLE_ARN === undefined
          ? undefined
          : { roleArn: env.SLUICE_S3_READ_ROLE_ARN, lifetimeMinMs: env.SLUICE_DOWNLOAD_URL_MAX_SECONDS * 1000 },
      limits: { socketsMax: 256, connectTimeoutMs: 3000, socketTimeoutMs: 30_000 },
    },
    body: {
      layout: {
        form: env.SLUICE_S3_TRAILERS === "on" ? ("trailer" as const) : ("header" as const),
        chunkBytes: env.SLUICE_S3_CHUNK_BYTES,
        // Measured: in plaintext larger writes cost less; under TLS Node first copies a write into one piece, which
        // is cheap only while it is small enough to stay in the cache.
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
      keyPrefix: env.SLUICE_S3_KEY_PREFIX,
      fileSizeMaxBytes: env.SLUICE_FILE_SIZE_MAX_BYTES,
      retentionMs: env.SLUICE_RETENTION_DAYS * 86_400_000,
      downloadUrlLifetimeMaxMs: env.SLUICE_DOWNLOAD_URL_MAX_SECONDS * 1000,
    },
    budgetBytes,
    uploads: {
      partSizeBytes: env.SLUICE_PART_SIZE_BYTES,
      // A file of unknown size may be large: twice the part leaves room for 156 GiB.
      partSizeUnknownBytes: 2 * env.SLUICE_PART_SIZE_BYTES,
      // A worker must be able to keep at least four of the largest parts at once, or one upload would starve all others.
      partSizeMaxBytes: Math.max(2 * env.SLUICE_PART_SIZE_BYTES, Math.floor(budgetBytes / 4 / MIB) * MIB),
      partsMax: PARTS_MAX,
      chunkSizeMaxBytes: 2 * MIB,
      // At 100 ms an acknowledgement, 16 parts of 8 MiB carry over 1 GiB/s.
      partsInFlightMax: 16,
      claimAheadParts: 16,
      uploadsMax: Math.floor(env.SLUICE_UPLOADS_MAX / workers),
      stallTimeoutMs: env.SLUICE_STALL_TIMEOUT_MS,
      expireAfterMs: 24 * 3_600_000,
      // Below the bucket's lifecycle abort of 7 days, so that an upload never loses its parts before it says so.
      expireCapMs: 6 * 24 * 3_600_000,
    },
    /** How long bytes and commits wait for a database that restarts. */
    databaseBackoff: { triesMax: 30, baseDelayMs: 100, delayMaxMs: 2000, timeMaxMs: 30_000, random: Math.random },
    listener: {
      connectionsMax: 4096,
      handshakeTimeoutMs: 10_000,
      // Windows begin so small that a thousand of them fit into memory, and grow with the distance.
      windowStartBytes: 256 * 1024,
      streamWindowBytes: env.SLUICE_STREAM_WINDOW_BYTES,
      sessionWindowBytes: env.SLUICE_CONNECTION_WINDOW_BYTES,
      windowsGrownMaxBytes: Math.floor(budgetBytes / 4),
      streamsMax: 1024,
      headersMaxBytes: 32_768,
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 300_000,
    },
    api: {
      messageMaxBytes: 4 * MIB,
      deadlineMaxMs: 24 * 3_600_000,
      corsOrigins: env.SLUICE_CORS_ORIGINS.split(",").filter((origin) => origin !== ""),
    },
    drainTimeoutMs: env.SLUICE_DRAIN_TIMEOUT_MS,
    devToken: env.SLUICE_DEV_TOKEN as string,
    logLevel: env.SLUICE_LOG_LEVEL,
  };
}

/** What the command-line client reads. */
export function parseClientEnvironment(environment: Readonly<Record<string, string | undefined>>): {
  url: string | undefined;
  token: string | undefined;
} {
  const { SLUICE_URL: url, SLUICE_TOKEN: token } = environment;
  return { url: url === "" ? undefined : url, token: token === "" ? undefined : token };
}
