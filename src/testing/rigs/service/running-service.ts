import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { Authenticator } from "../../../auth/authenticator.ts";
import { type App, startApp } from "../../../composition/app.ts";
import { type Config, parseConfig } from "../../../config/config.ts";
import { type DevS3Server, startDevS3Server } from "../../../devstack/s3-server/dev-s3-server.ts";
import type { BudgetPolicy } from "../../../transfer/budget-policy.ts";
import { createTestDatabase } from "../database/postgres.ts";
import type { S3Endpoint } from "../storage/s3-subject.ts";
import { until } from "../until.ts";

/** The token that the service of tests accepts. */
export const SERVICE_TOKEN = "service-token";

/** Size of parts of files whose size is declared; twice that where it is not. Small, so that tests have many. */
export const PART_BYTES = 64 * 1024;

const DEV_ENDPOINT = {
  accessKeyId: "AKIDTEST",
  secretAccessKey: "secret/with+odd=characters",
  region: "eu-central-1",
  bucket: "bucket",
};

/** Changes that a test makes to its service. */
export interface ServiceOptions {
  /** SLUICE_* settings over those of tests. */
  settings?: Readonly<Record<string, string>>;
  /** Limits that no setting reaches. */
  uploads?: Partial<Config["uploads"]>;
  budget?: Partial<BudgetPolicy>;
  retry?: Partial<Config["body"]["retry"]>;
  body?: Partial<Pick<Config["body"], "idleTimeoutMs" | "answerTimeoutMs">>;
  databaseBackoff?: Partial<Config["databaseBackoff"]>;
  /** Who calls, where the test has several callers; else SERVICE_TOKEN's. */
  authenticate?: Authenticator;
  /** A database to use; a fresh one otherwise. */
  databaseUrl?: string;
  /** An S3 server to use; the development one otherwise. */
  s3?: S3Endpoint;
  /** The region that the development server's bucket lies in, where it is to be another than the service is told. */
  bucketRegion?: string;
  /** Whether to wait until the service is ready; true when left out. */
  isReadyAwaited?: boolean;
}

/** The service in this process, on a free port, over a database and an S3 server of its own. */
export interface RunningService {
  readonly url: string;
  readonly app: App;
  readonly endpoint: S3Endpoint;
  readonly databaseUrl: string;
  readonly config: Config;
  /** The development S3 server, for its faults; throws where another one was given. */
  readonly s3: DevS3Server;
  /** Lines that were logged as errors or worse, parsed. */
  readonly errorsLogged: Record<string, unknown>[];
  /** Other lines that were logged as warnings, parsed. */
  readonly warningsLogged: Record<string, unknown>[];
  /** Lines of the call log, parsed. */
  readonly callsLogged: Record<string, unknown>[];
  /** Starts another replica over the same database and storage; `stop` ends it too. */
  startReplica(): Promise<App>;
  /** Ends all replicas and removes what they stored. */
  stop(): Promise<void>;
}

/** Starts the service as `serve` does, with small limits. */
export async function startService(options: ServiceOptions = {}): Promise<RunningService> {
  const ends: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const storage =
      options.s3 === undefined ? await startStorage(ends, options) : { endpoint: options.s3, server: undefined };
    const config = await configure(options, storage.endpoint, ends);
    const errorsLogged: Record<string, unknown>[] = [];
    const warningsLogged: Record<string, unknown>[] = [];
    const callsLogged: Record<string, unknown>[] = [];
    const note = (entry: { level: number; msg: string }) => {
      const { error, warn } = pino.levels.values as { error: number; warn: number };
      if (entry.msg === "call") callsLogged.push(entry);
      else if (entry.level >= error) errorsLogged.push(entry);
      else if (entry.level >= warn && !("calls" in entry)) warningsLogged.push(entry);
    };
    const log = pino(
      { level: "info", errorKey: "error", serializers: { error: pino.stdSerializers.err } },
      { write: (line: string) => note(JSON.parse(line)) },
    );
    const startReplica = async () => {
      const app = await startApp(config, log, { authenticate: options.authenticate });
      ends.push(() => app.stop());
      if (options.isReadyAwaited ?? true) await untilReady(app);
      return app;
    };
    const app = await startReplica();
    return {
      url: app.url,
      app,
      endpoint: storage.endpoint,
      databaseUrl: config.database.url,
      config,
      errorsLogged,
      warningsLogged,
      callsLogged,
      startReplica,
      stop,
      get s3() {
        if (storage.server === undefined)
          throw new Error("this service runs on another S3 server, which has no faults");
        return storage.server;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves when a replica says that it can do its work. */
export async function untilReady(app: App): Promise<void> {
  await until("the service is ready", () => app.readiness.isReady);
}

async function startStorage(
  ends: (() => Promise<void>)[],
  { bucketRegion = DEV_ENDPOINT.region }: ServiceOptions,
): Promise<{ endpoint: S3Endpoint; server: DevS3Server }> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-service-"));
  ends.push(() => rm(directory, { recursive: true, force: true }));
  const server = await startDevS3Server({
    ...DEV_ENDPOINT,
    directory,
    buckets: [{ name: DEV_ENDPOINT.bucket, region: bucketRegion }],
    multipartMinPartBytes: 1,
  });
  ends.push(() => server.close());
  return { endpoint: { ...DEV_ENDPOINT, url: server.url }, server };
}

async function configure(
  options: ServiceOptions,
  endpoint: S3Endpoint,
  ends: (() => Promise<void>)[],
): Promise<Config> {
  // The SDK's default chain of credentials begins with these.
  process.env.AWS_ACCESS_KEY_ID = endpoint.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = endpoint.secretAccessKey;
  const config = parseConfig({
    SLUICE_LISTEN: "127.0.0.1:0",
    SLUICE_DATABASE_URL: options.databaseUrl ?? (await openDatabase(ends)),
    SLUICE_S3_BUCKET: endpoint.bucket,
    SLUICE_S3_REGION: endpoint.region,
    SLUICE_S3_ENDPOINT: endpoint.url,
    SLUICE_AUTH: "dev",
    SLUICE_DEV_TOKEN: SERVICE_TOKEN,
    SLUICE_WORKERS: "1",
    SLUICE_PART_SIZE_BYTES: String(PART_BYTES),
    SLUICE_S3_PART_MIN_BYTES: "1",
    SLUICE_MEMORY_BUDGET_BYTES: String(96 * PART_BYTES),
    SLUICE_STALL_TIMEOUT_MS: "5000",
    SLUICE_DRAIN_TIMEOUT_MS: "3000",
    ...options.settings,
  });
  return {
    ...config,
    body: {
      ...config.body,
      ...options.body,
      retry: { ...config.body.retry, baseDelayMs: 5, delayMaxMs: 20, ...options.retry },
    },
    uploads: { ...config.uploads, ...options.uploads },
    budget: { ...config.budget, ...options.budget },
    databaseBackoff: { ...config.databaseBackoff, baseDelayMs: 20, delayMaxMs: 100, ...options.databaseBackoff },
  };
}

async function openDatabase(ends: (() => Promise<void>)[]): Promise<string> {
  const database = await createTestDatabase();
  ends.push(() => database.drop());
  return database.url;
}
