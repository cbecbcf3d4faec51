import { z } from "zod";
import {
  AUDIT_POLICIES,
  NAMESPACE_FORMS,
  NAMESPACE_MAXIMA,
  PARTS_MAX,
  S3_PART_MAX_BYTES,
} from "../domain/namespaces/namespace-bounds.ts";
import { auditKeys } from "./audit-log.ts";
import {
  authWays,
  awsAccounts,
  certificatesFile,
  databaseUrl,
  members,
  origins,
  wholeNumber,
} from "./config-values.ts";
import { eventBuses, webhookNetworks } from "./delivery-values.ts";
import { oidcIssuers } from "./oidc-issuers.ts";
import { tokenKeys } from "./token-keys.ts";

const MIB = 2 ** 20;
/** Smallest part that S3 takes before the last, in bytes: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const S3_PART_MIN_BYTES = 5 * MIB;
/** Largest part that is kept until S3 has it, in bytes. More memory does not raise it: many uploads share the memory. */
export const REPLAYABLE_PART_MAX_BYTES = 64 * MIB;

const PORT_MAX = 65_535;
/** Bounds of the windows of a stream and of a connection: RFC 9113, 6.9.1. */
const WINDOW = { min: 65_535, max: 2 ** 31 - 1 };
/** What OTEL_TRACES_SAMPLER may say: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
const SAMPLERS = [
  ...(["always_on", "always_off", "traceidratio"] as const),
  ...(["parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"] as const),
] as const;
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

const optional = z.string().optional();
const listenAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be host:port, for instance "0.0.0.0:8080"')
  .refine((address) => !(Number(address.split(":").at(-1)) > PORT_MAX), `must have a port of at most ${PORT_MAX}`);

/**
 * The environment that the service reads, with defaults and bounds. The table in docs/configuration.md says the same in prose,
 * and a test compares names and defaults.
 */
export const ENVIRONMENT = {
  /** Host and port to listen on; port 0 takes a free one. */
  SLUICE_LISTEN: listenAddress.default("127.0.0.1:8080"),
  /** PEM files of the certificate chain and key: TLS 1.3 only. Either both are set or none. */
  SLUICE_TLS_CERT: optional,
  SLUICE_TLS_KEY: optional,
  /** PEM file of authorities: who opens a connection must show a certificate that one of them has signed. */
  SLUICE_TLS_CLIENT_CA: optional,
  /** "behind-proxy" lets a port without TLS listen on an address that other hosts reach: a proxy in front has the TLS. */
  SLUICE_PLAINTEXT: z.enum(["behind-proxy"], { error: 'must be "behind-proxy", or unset' }).optional(),
  /** Worker processes that share the port. When unset, there is one for each core, but no more than the memory budget allows. */
  SLUICE_WORKERS: wholeNumber("workers", { min: 1, max: 256 }).optional(),
  /** postgres://user:password@host:port/database?sslmode=verify-full; with pooler=transaction where a pooler is in front */
  SLUICE_DATABASE_URL: databaseUrl("is missing; set it to postgres://user:password@host:5432/database"),
  /** The database itself, for `sluice migrate`, where SLUICE_DATABASE_URL leads to a pooler; the same URL when unset. */
  SLUICE_DATABASE_DIRECT_URL: databaseUrl().optional(),
  /** A read replica for queries of files; the same database when unset. */
  SLUICE_DATABASE_READ_URL: databaseUrl().optional(),
  /** PEM file of authorities that sign the databases' certificates; those that Node knows when unset. */
  SLUICE_DATABASE_CA: certificatesFile().optional(),
  /** "rds-iam" logs in at the databases by tokens of RDS, which the credentials of AWS make. */
  SLUICE_DATABASE_AUTH: z
    .enum(["password", "rds-iam"], { error: 'must be "password" or "rds-iam"' })
    .default("password"),
  /** Bucket of the namespace. */
  SLUICE_S3_BUCKET: z
    .string("is missing; name the bucket that keeps the files")
    .regex(NAMESPACE_FORMS.bucket, "must be a bucket name: 3 to 63 of a-z, 0-9, '.', '-'"),
  /** Region of the bucket; AWS_REGION when unset. */
  SLUICE_S3_REGION: optional,
  /** URL of an S3 server other than AWS. */
  SLUICE_S3_ENDPOINT: z.url({ protocol: /^https?$/, error: "must be a http:// or https:// URL" }).optional(),
  /** Least version of TLS at an https endpoint: AWS's private endpoints and some S3 servers have only 1.2. */
  SLUICE_S3_TLS_MIN: z.enum(["1.2", "1.3"], { error: "must be 1.2 or 1.3" }).default("1.3"),
  /** A text before every key; it ends in "/" or is empty. */
  SLUICE_S3_KEY_PREFIX: z.string().regex(NAMESPACE_FORMS.keyPrefix, 'must be empty or end in "/"').default(""),
  /** Role that signs downloads and their URLs; the service assumes it with its own credentials. */
  SLUICE_S3_READ_ROLE_ARN: z
    .string()
    .regex(/^arn:aws(-cn|-us-gov)?:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/, "must be the ARN of a role")
    .optional(),
  /** "off" for S3 servers without checksum trailers: all bytes of a part are then gathered before it is sent. */
  SLUICE_S3_TRAILERS: z.enum(["on", "off"], { error: 'must be "on" or "off"' }).default("on"),
  /**
   * How the service proves that storage has the bytes that were sent. "read-back" is for S3 servers that state no CRC32: each
   * file is then read again before its commit.
   */
  SLUICE_S3_CHECKSUMS: z.enum(["stated", "read-back"], { error: 'must be "stated" or "read-back"' }).default("stated"),
  /** "sse-s3" asks for SSE-S3 with each write; "bucket" asks for none: the bucket's default decides, such as a KMS key. */
  SLUICE_S3_ENCRYPTION: z.enum(["sse-s3", "bucket"], { error: 'must be "sse-s3" or "bucket"' }).default("sse-s3"),
  /** Smallest part that storage takes before the last. Only tests set another value than S3's. */
  SLUICE_S3_PART_MIN_BYTES: wholeNumber("bytes", { min: 1, max: S3_PART_MAX_BYTES }).default(S3_PART_MIN_BYTES),
  /** Bytes of one aws-chunk of a part's body. 0 sends a part as one chunk, which costs least. */
  SLUICE_S3_CHUNK_BYTES: wholeNumber("bytes", { min: 0 }).default(0),
  /** The namespace that this service serves. */
  SLUICE_NAMESPACE: z.string().regex(NAMESPACE_FORMS.name, "must be 1 to 63 of a-z, 0-9, '-'").default("default"),
  /** Largest file, in bytes. S3 itself limits a file to what its parts can hold. */
  SLUICE_FILE_SIZE_MAX_BYTES: wholeNumber("bytes", { min: 1, max: NAMESPACE_MAXIMA.fileSizeBytes }).default(
    PARTS_MAX * REPLAYABLE_PART_MAX_BYTES,
  ),
  /** Part size for files of ordinary, declared size; at least SLUICE_S3_PART_MIN_BYTES. */
  SLUICE_PART_SIZE_BYTES: wholeNumber("bytes", { min: 1024 }).default(8 * MIB),
  /** Bytes of memory for parts in flight, for all workers together. */
  SLUICE_MEMORY_BUDGET_BYTES: wholeNumber("bytes", { min: 1024 }).default(512 * MIB),
  /** Streams that write at once, all workers together; one caller gets seven eighths. More get OVERLOADED. */
  SLUICE_UPLOADS_MAX: wholeNumber("streams", { min: 1 }).default(1000),
  /**
   * Uploads that have been created and not ended, for all replicas together; one caller gets seven eighths of them. Each is a
   * row, with up to 8 KiB of metadata.
   */
  SLUICE_UNFINISHED_UPLOADS_MAX: wholeNumber("uploads", { min: 1 }).default(100_000),
  /** A stream that makes no progress for this long is ended. */
  SLUICE_STALL_TIMEOUT_MS: wholeNumber("milliseconds", { min: 100 }).default(60_000),
  /** How long open calls may take to end after SIGTERM. */
  SLUICE_DRAIN_TIMEOUT_MS: wholeNumber("milliseconds", { min: 0 }).default(25_000),
  /** How long deleted and replaced files can be restored. */
  SLUICE_RETENTION_DAYS: wholeNumber("days", { min: 1, max: NAMESPACE_MAXIMA.keptDays }).default(30),
  /** How long every new generation can be neither deleted nor purged after its commit. 0 retains none. */
  SLUICE_RETAIN_DAYS: wholeNumber("days", { min: 0, max: NAMESPACE_MAXIMA.keptDays }).default(0),
  /** Longest life of a presigned download URL; S3 allows 7 days. */
  SLUICE_DOWNLOAD_URL_MAX_SECONDS: wholeNumber("seconds", { min: 1, max: NAMESPACE_MAXIMA.downloadUrlSeconds }).default(
    900,
  ),
  /** Longest life of a URL that takes a part; an hour is the longest that SignParts signs. */
  SLUICE_PART_URL_MAX_SECONDS: wholeNumber("seconds", { min: 1, max: NAMESPACE_MAXIMA.partUrlSeconds }).default(3600),
  /** Longest life of a link, in seconds. */
  SLUICE_LINK_MAX_SECONDS: wholeNumber("seconds", { min: 1, max: NAMESPACE_MAXIMA.linkSeconds }).default(604_800),
  /** How long entries of the journal are kept; they go by whole months. */
  SLUICE_JOURNAL_DAYS: wholeNumber("days", { min: 30, max: NAMESPACE_MAXIMA.keptDays }).default(400),
  /** Whether answers wait until the journal says them. */
  SLUICE_AUDIT: z.enum(AUDIT_POLICIES).default("best-effort"),
  /**
   * Where the audit log is published: a bucket, or a bucket and a folder of it behind a slash. When unset, no log is published, and
   * nobody outside can prove what the journal says.
   */
  SLUICE_AUDIT_BUCKET: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[A-Za-z0-9][\w.-]{0,99}){0,8}$/,
      'must be the name of a bucket, or one with a folder such as "company-audit/sluice"',
    )
    .optional(),
  /** Region of that bucket; that of the namespace's bucket when unset. */
  SLUICE_AUDIT_REGION: optional,
  /**
   * Keys that sign its checkpoints: a JSON list of one or two, or the path of a JSON or YAML file. Their name is that of the log. Both
   * sign, so that a key can be changed.
   */
  SLUICE_AUDIT_KEYS: auditKeys().optional(),
  /** How long full tiles and bundles are locked where the bucket has Object Lock. */
  SLUICE_AUDIT_LOCK_DAYS: wholeNumber("days", { min: 1, max: NAMESPACE_MAXIMA.keptDays }).default(3650),
  /** The URL at which people reach this service, for links; when unset, the address that the service listens on. */
  SLUICE_PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: "must be a http:// or https:// URL" })
    .refine((url) => !/[?#@]/.test(url), "must have no user, query or fragment")
    .optional(),
  /** ARNs of the buses of EventBridge that subscriptions may name, separated by commas: the service's role sends to them. */
  SLUICE_EVENT_BUSES: eventBuses().default([]),
  /** Networks that are not public and that webhooks may reach all the same, separated by commas: "10.20.0.0/16". */
  SLUICE_WEBHOOK_NETWORKS: webhookNetworks().default([]),
  /** Proxies in front that add to X-Forwarded-For. With 0 the header is ignored, and the address of the connection counts. */
  SLUICE_TRUSTED_PROXIES: wholeNumber("proxies", { min: 0, max: 10 }).default(0),
  /** Connections of one address that are open at once, for all workers together. It has no effect behind trusted proxies. */
  SLUICE_ADDRESS_CONNECTIONS_MAX: wholeNumber("connections", { min: 1 }).default(1024),
  /** Bytes that a caller may send ahead on one stream when its distance needs it; 24 MiB carry 400 MiB/s at 60 ms. */
  SLUICE_STREAM_WINDOW_BYTES: wholeNumber("bytes", WINDOW).default(24 * MIB),
  /** Bytes that a caller may send ahead on all streams of one connection together. */
  SLUICE_CONNECTION_WINDOW_BYTES: wholeNumber("bytes", WINDOW).default(32 * MIB),
  /** Origins whose scripts may call from a browser, separated by commas; "*" for all. */
  SLUICE_CORS_ORIGINS: origins().default([]),
  /**
   * How callers prove who they are: one or several ways, separated by commas. "oidc" means tokens of SLUICE_OIDC_ISSUERS, and "iam"
   * signatures of roles and users of SLUICE_IAM_ACCOUNTS. "dev" means one static token; it is refused when NODE_ENV is production.
   */
  SLUICE_AUTH: authWays("is missing; set it to oidc, iam, dev, or several of them, separated by commas"),
  /** Issuers whose tokens are accepted: a JSON list, or the path of a JSON or YAML file. */
  SLUICE_OIDC_ISSUERS: oidcIssuers().optional(),
  /** Accounts of AWS whose roles and users may call, separated by commas. */
  SLUICE_IAM_ACCOUNTS: awsAccounts().optional(),
  /** The name of this service that callers of AWS sign for. A signature for one name counts at no other service. */
  SLUICE_IAM_SERVER_ID: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._:/-]{2,254}$/,
      'must be 3 to 255 of letters, digits and "._:/-", such as files.example.org',
    )
    .optional(),
  /**
   * Keys that sign upload tokens and seal the secrets of webhooks: a JSON list of one or two, or the path of a JSON or YAML file. The first
   * signs and seals, both verify and open. When unset, the service makes and takes no upload tokens, and has no webhooks.
   */
  SLUICE_TOKEN_KEYS: tokenKeys().optional(),
  /** Longest life of an upload token. A week is the longest that may be set: a token cannot be called back. */
  SLUICE_UPLOAD_TOKEN_MAX_SECONDS: wholeNumber("seconds", { min: 1, max: 604_800 }).default(86_400),
  /** The static token, at least 8 characters. */
  SLUICE_DEV_TOKEN: z.string().min(8, "must have at least 8 characters").optional(),
  /**
   * Principals and groups that may create namespaces and set grants, separated by commas: "github:repo:acme/ops,entra:platform".
   * They see no file by that.
   */
  SLUICE_ADMINS: members().default([]),
  SLUICE_LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(", ")}` }).default("info"),
  /** Host and port at which Prometheus finds the metrics of all workers; none when unset. */
  SLUICE_METRICS_LISTEN: listenAddress.optional(),
  /** Where traces, metrics and lines of the log go: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ */
  OTEL_EXPORTER_OTLP_ENDPOINT: optional,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optional,
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: optional,
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: optional,
  /** Headers of requests with lines of the log, "name=value" separated by commas. OpenTelemetry reads them itself. */
  OTEL_EXPORTER_OTLP_LOGS_HEADERS: optional,
  /** The form in which they go. */
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(["http/protobuf", "http/json"], { error: "must be http/protobuf or http/json" })
    .default("http/protobuf"),
  /** "sigv4" signs what goes to endpoints of AWS, by the default credentials of AWS and for AWS_REGION. */
  SLUICE_OTLP_AUTH: z.enum(["sigv4"], { error: 'must be "sigv4", or unset' }).optional(),
  /** "none" where traces, metrics or lines of the log are not to go to OTEL_EXPORTER_OTLP_ENDPOINT. */
  OTEL_TRACES_EXPORTER: z.enum(["otlp", "none"], { error: "must be otlp or none" }).default("otlp"),
  OTEL_METRICS_EXPORTER: z.enum(["otlp", "none"], { error: "must be otlp or none" }).default("otlp"),
  OTEL_LOGS_EXPORTER: z.enum(["otlp", "none"], { error: "must be otlp or none" }).default("otlp"),
  /** How often spans are sent, in milliseconds. */
  OTEL_BSP_SCHEDULE_DELAY: wholeNumber("milliseconds", { min: 1, max: 60_000 }).default(5000),
  /** How often metrics are sent, in milliseconds. */
  OTEL_METRIC_EXPORT_INTERVAL: wholeNumber("milliseconds", { min: 100, max: 3_600_000 }).default(60_000),
  /** How often lines of the log are sent, in milliseconds. */
  OTEL_BLRP_SCHEDULE_DELAY: wholeNumber("milliseconds", { min: 1, max: 60_000 }).default(5000),
  /** "true" turns all of them off. */
  OTEL_SDK_DISABLED: optional,
  /** Which traces are recorded that no caller has decided on, and whether callers decide at all. */
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS, { error: `must be one of ${SAMPLERS.join(", ")}` })
    .default("parentbased_traceidratio"),
  /** Share of the traces that are recorded. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number("must be a number from 0 to 1").min(0).max(1).default(0.1),
  /** Calls that take longer are recorded even where their trace is not, in milliseconds. Streams of bytes and news are not meant. */
  SLUICE_SLOW_CALL_MS: wholeNumber("milliseconds", { min: 1, max: 3_600_000 }).default(1000),
  AWS_REGION: optional,
  /** The address of AWS STS where it is not the region's own: an endpoint in a VPC. */
  AWS_ENDPOINT_URL_STS: z.url({ protocol: /^https?$/, error: "must be a http:// or https:// URL" }).optional(),
  NODE_ENV: optional,
} as const;

/** The environment's values; each is valid by itself. */
export type Environment = z.infer<z.ZodObject<typeof ENVIRONMENT>>;
