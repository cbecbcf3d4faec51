import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../domain/errors.ts";
import { migrate } from "../postgres/schema/migrate.ts";
import { type StackChild, startChild } from "./child-process.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { toHandedOn } from "./handed-on.ts";
import { findFreePort } from "./tcp-port.ts";

/** How long the service may take from its start until it is ready, in milliseconds. */
const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 25;

const BUCKET = "sluice";
const AUDIT_BUCKET = "sluice-audit";
const REGION = "us-east-1";
const ACCESS_KEY_ID = "sluice";

/** How the whole stack is started. */
export interface StackOptions {
  /** Holds the database and the objects; made when absent, used again later. */
  directory: string;
  /** Development token that callers of the service send, at least 8 characters. */
  token: string;
  /** Kept by the database from its first start on. */
  databasePassword: string;
  s3SecretKey: string;
  /** Signs upload tokens: 32 bytes in base64. */
  tokenKey: string;
  /** Signs the audit log, in the form of signed notes. */
  auditKey: string;
  /** Free ports of 127.0.0.1 where unset. */
  ports?: { service?: number; s3?: number; database?: number };
  /** False skips the database's fsyncs: quicker, and lost with the machine. */
  durable?: boolean;
  /** Our own environment: a few names that say how programs run here are passed on, and to the service its settings; see toHandedOn. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** More SLUICE_* settings of the service, over those of the environment. */
  settings?: Readonly<Record<string, string>>;
  /** More arguments of the development S3 server, for instance faults. */
  s3Args?: readonly string[];
  /** Gets the output of the processes, line by line. */
  onLine?: (process: "database" | "s3" | "service", line: string) => void;
}

/** A running stack: PostgreSQL, the development S3 server and the service, each a process of its own. */
export interface Stack {
  url: string;
  token: string;
  s3Url: string;
  databaseUrl: string;
  /** The service's process now; another one after `restartService`. */
  readonly service: StackChild;
  /** Environment that the service runs in: what `sluice serve`, `migrate` and `doctor` need. */
  serviceEnvironment: Readonly<Record<string, string>>;
  /** Resolves to a sentence once one of the processes has ended, for whatever reason. */
  readonly ended: Promise<string>;
  /** Starts the service again after its process has ended, and resolves when it is ready. */
  restartService(): Promise<void>;
  /** Ends everything in the reverse order of its start. Repeatable; never rejects. */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL and the S3 server side by side, brings the schema up to date, then starts the service and waits until
 * it is ready. Rejects where the environment sets what the stack decides, and with the last words of whatever failed, having ended the rest.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const settings = { ...toHandedOn(options.environment ?? {}), ...options.settings };
  const begun: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of begun.splice(0).reverse()) await end().catch(() => {});
  };
  try {
    const [database, s3] = await settleBoth(startDatabase(options, begun), startS3(options, begun));
    const port = options.ports?.service ?? (await findFreePort());
    const serviceEnvironment = toServiceEnvironment(
      { ...options, settings },
      { port, databaseUrl: database.url, s3Url: s3.url },
    );
    const url = `http://127.0.0.1:${port}`;
    let service = await startService(url, serviceEnvironment, options);
    begun.push(() => service.stop());
    return {
      url,
      token: options.token,
      s3Url: s3.url,
      databaseUrl: database.url,
      serviceEnvironment,
      ended: Promise.race([database.ended, s3.ended, service.ended]),
      get service() {
        return service;
      },
      async restartService() {
        service = await startService(url, serviceEnvironment, options);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Both outcomes are awaited before either failure is thrown, so that nothing starts after the stack was given up. */
async function settleBoth<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

/** A running server of the stack. */
interface Started {
  url: string;
  ended: Promise<string>;
}

async function startDatabase(options: StackOptions, begun: (() => Promise<void>)[]): Promise<Started> {
  const { directory } = options;
  const database = await startEmbeddedPostgres({
    dataDirectory: join(directory, "database"),
    password: options.databasePassword,
    durable: options.durable ?? true,
    onLog: (line) => options.onLine?.("database", line),
    ...(options.ports?.database !== undefined && { port: options.ports.database }),
  });
  begun.push(() => database.stop());
  await migrate({ url: database.url }).catch((error: unknown) => {
    if (!(error instanceof DomainError) || error.code !== "failed_precondition") throw error;
    // The objects that the database knows lie beside it: a new database begins with a new folder.
    throw new Error(`${error.message}. The database lies in ${directory}: move that folder away, or give another`, {
      cause: error,
    });
  });
  return { url: database.url, ended: database.exited.then(() => "PostgreSQL ended") };
}

async function startS3(options: StackOptions, begun: (() => Promise<void>)[]): Promise<Started> {
  const child = startChild("the development S3 server", new URL("s3-server/main.ts", import.meta.url), {
    args: [
      ...["--directory", join(options.directory, "s3"), "--bucket", BUCKET, "--bucket", AUDIT_BUCKET],
      ...["--region", REGION],
      ...["--access-key-id", ACCESS_KEY_ID, "--port", String(options.ports?.s3 ?? 0)],
      ...(options.s3Args ?? []),
    ],
    env: { ...inherited(options), DEV_S3_SECRET_ACCESS_KEY: options.s3SecretKey },
    onLine: (line) => options.onLine?.("s3", line),
  });
  begun.push(() => child.stop());
  const { url } = JSON.parse(await child.awaitLine((line) => line.startsWith("{"))) as { url: string };
  return { url, ended: child.ended };
}

function toServiceEnvironment(
  options: StackOptions,
  { port, databaseUrl, s3Url }: { port: number; databaseUrl: string; s3Url: string },
): Record<string, string> {
  return {
    ...inherited(options),
    SLUICE_LISTEN: `127.0.0.1:${port}`,
    SLUICE_DATABASE_URL: databaseUrl,
    SLUICE_S3_BUCKET: BUCKET,
    SLUICE_S3_REGION: REGION,
    SLUICE_S3_ENDPOINT: s3Url,
    SLUICE_AUTH: "dev",
    SLUICE_DEV_TOKEN: options.token,
    SLUICE_TOKEN_KEYS: JSON.stringify([options.tokenKey]),
    SLUICE_AUDIT_BUCKET: AUDIT_BUCKET,
    SLUICE_AUDIT_KEYS: JSON.stringify([options.auditKey]),
    // Whoever tries webhooks here receives them on the same machine.
    SLUICE_WEBHOOK_NETWORKS: "127.0.0.0/8",
    AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: options.s3SecretKey,
    ...options.settings,
  };
}

/** Environment names that a process needs of its host: none of them changes what the service does. */
const INHERITED = ["PATH", "HOME", "TMPDIR", "LANG", "NODE_V8_COVERAGE"];

function inherited({ environment = {} }: StackOptions): Record<string, string> {
  const found = INHERITED.map((name) => [name, environment[name]] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

async function startService(
  url: string,
  env: Readonly<Record<string, string>>,
  options: StackOptions,
): Promise<StackChild> {
  const child = startChild("the service", new URL("../cli/main.ts", import.meta.url), {
    args: ["serve"],
    env,
    onLine: (line) => options.onLine?.("service", line),
  });
  let over: string | undefined;
  child.ended.then((sentence) => {
    over = sentence;
  });
  const limit = Date.now() + READY_TIMEOUT_MS;
  while (!(await isReady(url))) {
    if (over !== undefined) throw new Error(over);
    if (Date.now() > limit) {
      await child.kill();
      throw new Error(`the service was not ready within ${READY_TIMEOUT_MS / 1000} s: ${await child.ended}`);
    }
    await delay(READY_POLL_MS);
  }
  return child;
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { headers: { connection: "close" } });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
