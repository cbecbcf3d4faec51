import { readFile as readFileFromDisk } from "node:fs/promises";
import type { Logger } from "pino";
import { addAddress } from "./auth/add-address.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import { createDevAuthenticator } from "./auth/dev-authenticator.ts";
import { logFailures } from "./auth/failure-log.ts";
import type { Generate } from "./aws/generate-on-thread.ts";
import { createDownloadUrl } from "./commands/files/create-download-url.ts";
import { deleteFile } from "./commands/files/delete-file.ts";
import { moveFile } from "./commands/files/move-file.ts";
import { purgeFile } from "./commands/files/purge-file.ts";
import { purgeFiles } from "./commands/files/purge-files.ts";
import { restoreGeneration } from "./commands/files/restore-generation.ts";
import { undeleteFile } from "./commands/files/undelete-file.ts";
import { updateFile } from "./commands/files/update-file.ts";
import { createLink } from "./commands/links/create-link.ts";
import { openLink } from "./commands/links/open-link.ts";
import { revokeLink } from "./commands/links/revoke-link.ts";
import { abortUpload } from "./commands/uploads/abort-upload.ts";
import { readAdopted } from "./commands/uploads/adopt-parts.ts";
import { completeUpload } from "./commands/uploads/complete-upload.ts";
import { createUpload } from "./commands/uploads/create-upload.ts";
import { signParts } from "./commands/uploads/sign-parts.ts";
import type { Config } from "./config/config.ts";
import { type ConnectedService, connectService } from "./connect-service.ts";
import { DomainError } from "./domain/errors.ts";
import type { Siblings } from "./domain/files/siblings.ts";
import { MessageBudget } from "./domain/limits/message-budget.ts";
import { createConnectWriteUpload } from "./ingest/connect-write-upload.ts";
import { serveGrpcWriteUpload } from "./ingest/grpc-write-upload.ts";
import { getFile } from "./queries/get-file.ts";
import { getUpload } from "./queries/get-upload.ts";
import { listFiles } from "./queries/list-files.ts";
import { listGenerations } from "./queries/list-generations.ts";
import { listLinks } from "./queries/list-links.ts";
import { READ_RETRIES, readFile } from "./queries/read-file.ts";
import { searchFiles } from "./queries/search-files.ts";
import { watchUpload } from "./queries/watch-upload.ts";
import { createLinkRoute } from "./rest/link-route.ts";
import { createRestFace } from "./rest/rest-listener.ts";
import { listen } from "./rpc/listener/listener.ts";
import type { NodeRequestListener } from "./rpc/listener/node-messages.ts";
import { type ApiOptions, createApiListener } from "./rpc/router.ts";
import { Readiness } from "./rpc/services/readiness.ts";
import { createWorkLimiters, limitWork } from "./rpc/work-classes.ts";
import { admitPart } from "./transfer/admit-part.ts";
import { MemoryBudget } from "./transfer/memory-budget.ts";
import { OwnSlots, type SlotPool } from "./transfer/upload-slots.ts";
import { writePart } from "./transfer/write-part.ts";
import { beginWriteUpload } from "./transfer/write-upload.ts";

/** A running service. */
export interface App {
  url: string;
  port: number;
  readiness: Readiness;
  /** The present load: streams that write, and bytes of parts in flight. */
  readonly load: { sessions: number; partBytes: number };
  /** Drains and stops: tells streams where to resume, lets calls end within the drain timeout, and closes everything. */
  stop(): Promise<void>;
}

/** The resources that a worker shares with the other workers on its port. */
export interface SharedWithWorkers {
  /** Slots of the streams that write. When left out, the worker has slots of its own. */
  slots?: SlotPool | undefined;
  /** The other workers; left out when there are none. */
  siblings?: Siblings | undefined;
}

/** The options of the service beside its configuration. */
export interface AppOptions extends SharedWithWorkers {
  /** Finds out who calls. When left out, only the static token of the configuration is accepted. */
  authenticate?: Authenticator | undefined;
}

const CONNECT_RETRY_MS = 1000;

/**
 * Builds the service from its configuration and opens its port. The port answers at once; the service is ready when the
 * database and the bucket answer. Until then the obstacles are logged and shown at `/readyz`. Rejects when it cannot have the
 * port or cannot read the TLS files.
 */
export async function startApp(config: Config, log: Logger, options: AppOptions = {}): Promise<App> {
  const { siblings } = options;
  const { trustedProxies } = config;
  const known = options.authenticate ?? createDevAuthenticator(config.devToken);
  const authenticate = logFailures(addAddress(known, { trustedProxies }), { log, trustedProxies });
  const { slots = new OwnSlots(config.uploadsMax) } = options;
  const readiness = new Readiness(["database", "storage"]);
  const stopping = new AbortController();
  let service: ConnectedService | undefined;
  const budget = new MemoryBudget(config.budgetBytes, {
    ...config.budget,
    streams: () => service?.access.sessions.size ?? 0,
  });
  const common: Omit<ApiOptions, "uploads" | "fileQueries" | "fileCommands" | "catchUp"> = {
    authenticate,
    readiness,
    log,
    shutdownSignal: stopping.signal,
    messages: new MessageBudget(config.messageBudgetBytes),
    configurations: { generateConfiguration: createLateGenerator() },
    otherFace: createRestFace,
    ...config.api,
  };
  const { openLink: refuseLink, ...refusing } = createUnconnectedFunctions();
  const linkRoute = { log, trustedProxies };
  let serve = createLinkRoute(refuseLink, {
    ...linkRoute,
    serveOther: createApiListener({ ...common, ...refusing }),
  });
  const tls = config.tls && {
    cert: await readFileFromDisk(config.tls.certFile),
    key: await readFileFromDisk(config.tls.keyFile),
  };
  const listener = await listen({
    ...config.listen,
    tls,
    limits: config.listener,
    onRequest: (request, response) => serve(request, response),
    onError: (error) => log.error({ error }, "the port has a problem"),
  });
  const shared = { budget, slots, siblings };
  const connected = connectService(config, { log, readiness, ...shared, signal: stopping.signal }).then((ready) => {
    service = ready;
    const publicUrl = config.publicUrl ?? listener.url;
    serve = createServiceListener(ready, common, { ...linkRoute, publicUrl });
    return ready;
  });
  connected.catch(() => {});
  return {
    url: listener.url,
    port: listener.port,
    readiness,
    get load() {
      return { sessions: service?.access.sessions.size ?? 0, partBytes: budget.usedBytes };
    },
    stop: async () => {
      // The order matters: not ready, streams told, calls ended, jobs stopped, connections closed.
      readiness.drain();
      service?.access.sessions.drain();
      service?.watches.drain();
      await listener.close({ graceMs: config.drainTimeoutMs });
      stopping.abort(new Error("the service stops"));
      await (await connected.catch(() => undefined))?.close();
    },
  };
}

/** The generator is loaded with the first call: most services never generate a configuration. */
function createLateGenerator(): ApiOptions["configurations"]["generateConfiguration"] {
  let loaded: Promise<Generate> | undefined;
  return async (request, { caller, signal }) => {
    loaded ??= import("./aws/generate-on-thread.ts").then(({ createGenerator, GENERATION_LIMITS }) =>
      createGenerator(GENERATION_LIMITS),
    );
    return (await loaded)(request, { caller: caller.principal, signal });
  };
}

function createServiceListener(
  { access, downloads, storageNow, files, primaryFiles, copyFile, follower, links, watches }: ConnectedService,
  common: Omit<ApiOptions, "uploads" | "fileQueries" | "fileCommands" | "catchUp">,
  { publicUrl, ...linkRoute }: { publicUrl: string; trustedProxies: number; log: Logger },
): NodeRequestListener {
  const queries = { files, objects: downloads, namespaces: access.namespaces };
  const limiters = createWorkLimiters();
  const reading = { ...queries, retries: READ_RETRIES, readers: limiters["reads of files"] };
  const commands = { ...queries, files: primaryFiles, now: storageNow };
  const linking = { ...commands, links, publicUrl };
  const purging = { ...commands, objects: access.objects, filteredReads: limiters["filtered reads"] };
  const get = (namespace: string, uploadId: string) => readAdopted(access, namespace, uploadId);
  const uploadQueries = { namespaces: access.namespaces, uploads: { get } };
  // A committed change stands even when the feed fails: the whole cache is forgotten then.
  const catchUp = () => follower.catchUp().catch(() => undefined);
  const functions = {
    uploads: {
      createUpload: (request, options) => createUpload(access, request, options),
      completeUpload: (request, options) => completeUpload(access, request, options),
      abortUpload: (request, options) => abortUpload(access, request, options),
      getUpload: (request, options) => getUpload(uploadQueries, request, options),
      watchUpload: (request, options) => watchUpload({ ...access, watches }, request, options),
      writePart: (request, options) => writePart(access, request, options),
      signParts: (request, options) => signParts(access, request, options),
      admitPart: (message, options) => admitPart(access, message, options),
      writeUpload: createConnectWriteUpload(access, { catchUp }),
      beginWrite: (start, options) => beginWriteUpload(access, start, options),
    },
    fileQueries: {
      getFile: (request, options) => getFile(queries, request, options),
      listFiles: (request, options) => listFiles(queries, request, options),
      searchFiles: (request, options) => searchFiles(queries, request, options),
      listGenerations: (request, options) => listGenerations(queries, request, options),
      listLinks: (request, options) => listLinks(linking, request, options),
      readFile: (request, options) => readFile(reading, request, options),
    },
    fileCommands: {
      createDownloadUrl: (request, options) => createDownloadUrl({ ...commands, files }, request, options),
      updateFile: (request, options) => updateFile(commands, request, options),
      deleteFile: (request, options) => deleteFile(commands, request, options),
      undeleteFile: (request, options) => undeleteFile(commands, request, options),
      copyFile,
      moveFile: (request, options) => moveFile(commands, request, options),
      restoreGeneration: (request, options) => restoreGeneration(commands, request, options),
      purgeFile: (request, options) => purgeFile(purging, request, options),
      purgeFiles: (request, options) => purgeFiles(purging, request, options),
      createLink: (request, options) => createLink(linking, request, options),
      revokeLink: (request, options) => revokeLink(linking, request, options),
    },
  } satisfies Pick<ApiOptions, "uploads" | "fileQueries" | "fileCommands">;
  const serveApi = createApiListener({ ...common, catchUp, ...limitWork(functions, limiters) });
  const ingest = { access, authenticate: common.authenticate, catchUp, log: common.log };
  return createLinkRoute((token, visitor) => openLink(linking, token, visitor), {
    ...linkRoute,
    serveOther: (request, response) => {
      if (!serveGrpcWriteUpload(ingest, request, response)) serveApi(request, response);
    },
  });
}

/** The API until the database has answered for the first time: every call is refused and may be tried again. */
function createUnconnectedFunctions() {
  const refuse = (): never => {
    throw new DomainError("unavailable", "the service is starting and waits for its database; try again", {
      reason: "DATABASE_UNAVAILABLE",
      retryAfterMs: CONNECT_RETRY_MS,
    });
  };
  const refuseAll = <T extends object>() => new Proxy({} as T, { get: () => refuse });
  return {
    uploads: refuseAll<ApiOptions["uploads"]>(),
    fileQueries: refuseAll<ApiOptions["fileQueries"]>(),
    fileCommands: refuseAll<ApiOptions["fileCommands"]>(),
    catchUp: async () => undefined,
    openLink: async () => refuse(),
  };
}
