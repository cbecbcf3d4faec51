import { readFile as readFileFromDisk } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { createDevAuthenticator } from "./auth/dev-authenticator.ts";
import { generateFromSettings } from "./aws/generate-from-settings.ts";
import { abortUpload } from "./commands/abort-upload.ts";
import { admitPart } from "./commands/admit-part.ts";
import { readAdopted } from "./commands/adopt-parts.ts";
import { completeUpload } from "./commands/complete-upload.ts";
import { createDownloadUrl } from "./commands/create-download-url.ts";
import { createUpload } from "./commands/create-upload.ts";
import { deleteFile } from "./commands/delete-file.ts";
import { signParts } from "./commands/sign-parts.ts";
import { undeleteFile } from "./commands/undelete-file.ts";
import { updateFile } from "./commands/update-file.ts";
import { UploadSessions } from "./commands/upload-sessions.ts";
import { writePart } from "./commands/write-part.ts";
import type { WriteAccess } from "./commands/write-upload.ts";
import type { Config } from "./config.ts";
import { toBackoffDelayMs } from "./domain/backoff.ts";
import { DomainError } from "./domain/errors.ts";
import { MemoryBudget } from "./domain/memory-budget.ts";
import { createConnectWriteUpload } from "./ingest/connect-write-upload.ts";
import { serveGrpcWriteUpload } from "./ingest/grpc-write-upload.ts";
import { FileChangeFollower, followCommits } from "./jobs/follow-file-changes.ts";
import { startJobs } from "./jobs/start-jobs.ts";
import { createFileChangeFeed, forgetFileChanges } from "./postgres/file-changes.ts";
import { createFileRepository } from "./postgres/file-repository.ts";
import { createJobLeases } from "./postgres/job-leases.ts";
import { validateMigrations } from "./postgres/migrate.ts";
import { ensureNamespace } from "./postgres/namespace.ts";
import { createDatabasePools, type DatabasePools } from "./postgres/pool.ts";
import { forgetRequests } from "./postgres/request-rows.ts";
import { createUploadRepository } from "./postgres/upload-repository.ts";
import { FileCache, withFileCache } from "./queries/file-cache.ts";
import { getFile } from "./queries/get-file.ts";
import { getUpload } from "./queries/get-upload.ts";
import { listFiles } from "./queries/list-files.ts";
import { READ_RETRIES, readFile } from "./queries/read-file.ts";
import { UploadWatches, WATCH_LIMITS } from "./queries/upload-watches.ts";
import { watchUpload } from "./queries/watch-upload.ts";
import { listen } from "./rpc/listener.ts";
import type { NodeRequestListener } from "./rpc/node-messages.ts";
import { Readiness } from "./rpc/readiness.ts";
import { type ApiOptions, createApiListener } from "./rpc/router.ts";
import { createWindowMemory } from "./rpc/window-memory.ts";
import { BodyRequests } from "./s3/body-requests.ts";
import { createBreakers } from "./s3/breaker.ts";
import { createS3Client } from "./s3/client.ts";
import { Connections } from "./s3/connections.ts";
import { createObjectStore } from "./s3/object-store.ts";
import { createReadClient } from "./s3/read-client.ts";

/** A running service. */
export interface App {
  url: string;
  port: number;
  readiness: Readiness;
  /** What is under way at this moment: streams that write, and bytes of parts in flight. */
  readonly load: { sessions: number; partBytes: number };
  /** Drains and stops: tells streams where to resume, lets calls end within the drain timeout, closes everything. */
  stop(): Promise<void>;
}

const CONNECT_RETRY_MS = 1000;
const CONNECT_BACKOFF = { baseDelayMs: CONNECT_RETRY_MS, delayMaxMs: 5000, random: Math.random };

/**
 * Builds the service from its configuration and opens its port. The port answers at once; readiness follows when the
 * database and the bucket do; what keeps it from that is logged, and said at `/readyz`. Rejects when the port cannot be
 * had or TLS files cannot be read.
 */
export async function startApp(config: Config, log: Logger): Promise<App> {
  const readiness = new Readiness(["database", "storage"]);
  const stopping = new AbortController();
  const budget = new MemoryBudget(config.budgetBytes, config.budget);
  const windowMemory = createWindowMemory(budget);
  const common: Omit<ApiOptions, "uploads" | "fileQueries" | "fileCommands"> = {
    authenticate: createDevAuthenticator(config.devToken),
    ...{ readiness, log, shutdownSignal: stopping.signal },
    configurations: { generateConfiguration: generateFromSettings },
    ...config.api,
  };
  let serve = createApiListener({ ...common, ...createUnconnectedFunctions() });
  const tls = config.tls && {
    cert: await readFileFromDisk(config.tls.certFile),
    key: await readFileFromDisk(config.tls.keyFile),
  };
  const listener = await listen({
    ...config.listen,
    tls,
    ...{ limits: config.listener, windowMemory },
    onRequest: (request, response) => serve(request, response),
    onError: (error) => log.error({ error }, "the port has a problem"),
  });
  let service: Service | undefined;
  const connected = connect(config, { log, readiness, budget, signal: stopping.signal }).then((ready) => {
    service = ready;
    serve = createServiceListener(ready, common);
    return ready;
  });
  connected.catch(() => {});
  return {
    url: listener.url,
    port: listener.port,
    readiness,
    get load() {
      return { sessions: service?.access.sessions.size ?? 0, partBytes: budget.usedBytes - windowMemory.takenBytes };
    },
    stop: async () => {
      // In this order: not ready, streams told, calls ended, jobs stopped, connections closed.
      readiness.drain();
      service?.access.sessions.drain();
      service?.watches.drain();
      await listener.close({ graceMs: config.drainTimeoutMs });
      stopping.abort(new Error("the service stops"));
      await (await connected.catch(() => undefined))?.close();
    },
  };
}

/** What the service works with once the database has answered. `downloads` are the objects as callers may read them. */
interface Service {
  access: WriteAccess;
  downloads: ReturnType<typeof createObjectStore>;
  files: ReturnType<typeof createFileRepository>;
  follower: FileChangeFollower;
  watches: UploadWatches;
  close(): Promise<void>;
}

/** Connects to the database, waiting for it as long as it takes, and starts what runs by the clock. */
async function connect(
  config: Config,
  options: { log: Logger; readiness: Readiness; budget: MemoryBudget; signal: AbortSignal },
): Promise<Service> {
  const { log, readiness } = options;
  const connections = new Connections(config.s3.limits);
  const client = createS3Client(config.s3, connections);
  const bodies = new BodyRequests(client, connections);
  const breakers = createBreakers(config.breaker, (name, isOpen) =>
    log.warn({ breaker: name, isOpen }, "the storage breaker changed"),
  );
  const storage = { client, bodies, breakers, body: config.body, closing: options.signal };
  const objects = createObjectStore(storage);
  const pools = await connectDatabase(config, options);
  const cache = new FileCache();
  const follower = new FileChangeFollower(createFileChangeFeed(pools.commands), cache);
  const access: WriteAccess = {
    uploads: followCommits(createUploadRepository(pools.commands), follower),
    ...{ objects, budget: options.budget },
    namespaces: new Map([[config.namespace.name, config.namespace]]),
    ...{ limits: config.uploads, databaseBackoff: config.databaseBackoff },
    instance: `${hostname()}/${process.pid}`,
    sessions: new UploadSessions(config.uploads.uploadsMax),
  };
  const check = async () => {
    const problemOf = (error: unknown) => (error instanceof DomainError ? error.message : "has a problem; see the log");
    await Promise.all([
      pools.ping().then(
        () => readiness.report("database", undefined),
        (error) => readiness.report("database", problemOf(error)),
      ),
      objects.checkBucket(config.namespace.bucket, config.namespace.region).then(
        () => readiness.report("storage", undefined),
        (error) => readiness.report("storage", problemOf(error)),
      ),
    ]);
  };
  // Nobody waits for the first look: a bucket that does not answer is reported, and must not keep the API from answering.
  const checked = check();
  const jobs = startJobs({
    ...{ access, check, log },
    ...{ leases: createJobLeases(pools.commands), follower },
    forgetRequests: (options) => forgetRequests(pools.commands, options),
    forgetFileChanges: (options) => forgetFileChanges(pools.commands, options),
  });
  return {
    access,
    downloads: createObjectStore({ ...storage, client: createReadClient(config.s3, connections) ?? client }),
    files: withFileCache(createFileRepository(pools), cache),
    follower,
    watches: new UploadWatches({ uploads: access.uploads, backoff: config.databaseBackoff, limits: WATCH_LIMITS }),
    close: async () => {
      // What a job has under way with S3 ends with its connections; another replica, or the next start, takes it up.
      client.destroy();
      connections.destroy();
      await jobs.stop();
      await checked;
      await pools.end();
    },
  };
}

function logReplica(log: Logger) {
  return (isUsable: boolean, error?: unknown) => {
    if (isUsable) log.info("the read replica answers again");
    else log.warn({ error }, "the read replica does not answer; queries go to the primary");
  };
}

async function connectDatabase(
  config: Config,
  options: { log: Logger; readiness: Readiness; signal: AbortSignal },
): Promise<DatabasePools> {
  let told: string | undefined;
  for (let failures = 1; ; failures++) {
    try {
      const { pending } = await validateMigrations({ url: config.database.url });
      if (pending.length > 0) {
        throw new DomainError("unavailable", `the schema lacks ${pending.join(", ")}; run "sluice migrate"`, {
          reason: "DATABASE_UNAVAILABLE",
        });
      }
      const pools = await createDatabasePools({ ...config.database, onReplicaChange: logReplica(options.log) });
      try {
        await ensureNamespace(pools.commands, config.namespace);
        if (told !== undefined) options.log.info("the database is usable");
        return pools;
      } catch (error) {
        await pools.end();
        throw error;
      }
    } catch (error) {
      const problem = error instanceof DomainError ? error.message : "has a problem; see the log";
      options.readiness.report("database", problem);
      // Once, and again when it is another: a second a line would bury everything else.
      if (String(error) !== told) options.log.error({ error }, `the database is not usable: ${problem}`);
      told = String(error);
      await delay(toBackoffDelayMs(CONNECT_BACKOFF, failures), undefined, { signal: options.signal });
    }
  }
}

function createServiceListener(
  { access, downloads, files, follower, watches }: Service,
  common: Omit<ApiOptions, "uploads" | "fileQueries" | "fileCommands">,
): NodeRequestListener {
  const queries = { files, objects: downloads, namespaces: access.namespaces, retries: READ_RETRIES };
  const commands = { ...queries, now: () => new Date() };
  const get = (namespace: string, uploadId: string) => readAdopted(access, namespace, uploadId);
  const uploadQueries = { namespaces: access.namespaces, uploads: { get } };
  const serveApi = createApiListener({
    ...common,
    catchUp: () => follower.catchUp(),
    uploads: {
      createUpload: (request, options) => createUpload(access, request, options),
      completeUpload: (request, options) => completeUpload(access, request, options),
      abortUpload: (request, options) => abortUpload(access, request, options),
      getUpload: (request, options) => getUpload(uploadQueries, request, options),
      watchUpload: (request, options) => watchUpload({ ...access, watches }, request, options),
      writePart: (request, options) => writePart(access, request, options),
      signParts: (request, options) => signParts(access, request, options),
      admitPart: (message, options) => admitPart(access, message, options),
      writeUpload: createConnectWriteUpload(access),
    },
    fileQueries: {
      getFile: (request, options) => getFile(queries, request, options),
      listFiles: (request, options) => listFiles(queries, request, options),
      readFile: (request, options) => readFile(queries, request, options),
    },
    fileCommands: {
      createDownloadUrl: (request, options) => createDownloadUrl(commands, request, options),
      updateFile: (request, options) => updateFile(commands, request, options),
      deleteFile: (request, options) => deleteFile(commands, request, options),
      undeleteFile: (request, options) => undeleteFile(commands, request, options),
    },
  });
  const ingest = { access, authenticate: common.authenticate, log: common.log };
  return (request, response) => {
    if (!serveGrpcWriteUpload(ingest, request, response)) serveApi(request, response);
  };
}

/** The API while the database has not answered yet: every call is refused, to be tried again. */
function createUnconnectedFunctions(): Pick<ApiOptions, "uploads" | "fileQueries" | "fileCommands"> {
  const refuse = () => {
    throw new DomainError("unavailable", "the service is starting and waits for its database; try again", {
      reason: "DATABASE_UNAVAILABLE",
      retryAfterMs: CONNECT_RETRY_MS,
    });
  };
  return {
    uploads: {
      ...{ createUpload: refuse, completeUpload: refuse, abortUpload: refuse, getUpload: refuse, watchUpload: refuse },
      ...{ writeUpload: refuse, writePart: refuse, admitPart: refuse, signParts: refuse },
    },
    fileQueries: { getFile: refuse, listFiles: refuse, readFile: refuse },
    fileCommands: { createDownloadUrl: refuse, updateFile: refuse, deleteFile: refuse, undeleteFile: refuse },
  };
}
