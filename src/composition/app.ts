/*
 * The composition root. This room alone knows every other room of the server, and makes one thing of another by plain function calls.
 *
 * What is made, in the order in which it starts:
 *
 *     startApp                  app.ts
 *      ├ authentication, budget of memory, readiness     made from the configuration alone
 *      ├ the port                                        open at once; every call is refused as "unavailable" until the database answers
 *      ├ connectService         connect-service.ts       waits for the database however long that takes
 *      │  ├ connectDatabase     connect-database.ts      the schema is known; pools, all namespaces and grants
 *      │  ├ storage             connect-health.ts        access to all buckets, and the checks of the database and the buckets
 *      │  ├ repositories        connect-repositories.ts  files, what is kept about people, the journal as it is read
 *      │  ├ operations          connect-operations.ts    work that goes on after its call
 *      │  ├ the audit log       connect-audit-log.ts     where one is published
 *      │  ├ deliveries          connect-deliveries.ts    subscriptions and the ways to their receivers
 *      │  └ jobs                                         last, because they work with all of the above
 *      └ bindFunctions          bind-functions.ts        commands and queries, each with what it works with, behind the port
 *
 * It stops in the order in which callers lose it: readiness, streams and watches, calls, authentication, jobs, connections. `stop` below
 * and `close` of the connected service say why.
 */
import type { Logger } from "pino";
import { addOrigin } from "../auth/add-origin.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { createPurposeSigner } from "../auth/purpose-signer.ts";
import { recordFailures } from "../auth/record-failures.ts";
import { type Authentication, startAuthentication } from "../auth/start-authentication.ts";
import { formatUploadToken, UPLOAD_TOKEN_PURPOSE } from "../auth/upload/upload-token-form.ts";
import type { Generate } from "../aws/generate-on-thread.ts";
import type { Config } from "../config/config.ts";
import { readTlsFiles, type TlsFiles } from "../config/tls-files.ts";
import type { UploadToken } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import type { RecordEntry } from "../domain/journal/new-entry.ts";
import { MessageBudget } from "../domain/limits/message-budget.ts";
import { RequestBuckets, type RequestLender } from "../domain/limits/request-lender.ts";
import type { Siblings } from "../domain/siblings.ts";
import { serveGrpcWriteUpload } from "../ingest/grpc-write-upload.ts";
import { CertificateWatch } from "../jobs/watch-certificates.ts";
import { createLinkRoute } from "../rest/link-route.ts";
import { createRestFace } from "../rest/rest-listener.ts";
import { type Listener, type ListenOptions, listen } from "../rpc/listener/listener.ts";
import type { NodeRequestListener } from "../rpc/listener/node-messages.ts";
import { type CallObserver, observeCalls } from "../rpc/listener/observe-calls.ts";
import { type ApiOptions, createApiListener } from "../rpc/router.ts";
import { Readiness } from "../rpc/services/readiness.ts";
import { createCallLog } from "../telemetry/call-log.ts";
import { observeMetric } from "../telemetry/metrics.ts";
import { NO_TELEMETRY, type Telemetry } from "../telemetry/start-telemetry.ts";
import { MemoryBudget } from "../transfer/memory-budget.ts";
import type { UploadSessions } from "../transfer/upload-sessions.ts";
import { OwnSlots, type SlotPool } from "../transfer/upload-slots.ts";
import { type BindOptions, bindFunctions } from "./bind-functions.ts";
import { type ConnectedService, connectService } from "./connect-service.ts";

/** A running service. */
export interface App {
  url: string;
  port: number;
  readiness: Readiness;
  /** The present load: streams that write, and bytes of parts in flight. */
  readonly load: { sessions: number; partBytes: number };
  /** Reads the TLS files now, and serves new connections by them; it does nothing on a plaintext port. */
  reloadCertificates(): Promise<void>;
  /** Drains and stops: tells streams where to resume, lets calls end within the drain timeout, and closes everything. */
  stop(): Promise<void>;
}

/** The resources that a worker shares with the other workers on its port. */
export interface SharedWithWorkers {
  /** Slots of the streams that write. When left out, the worker has slots of its own. */
  slots?: SlotPool | undefined;
  /** Lends the requests that quotas count. When left out, the worker counts its own. */
  requests?: RequestLender | undefined;
  /** The other workers; left out when there are none. */
  siblings?: Siblings | undefined;
}

/** The options of the service beside its configuration. */
export interface AppOptions extends SharedWithWorkers {
  /** Who collects what is known of calls. When left out, nobody does. */
  telemetry?: Telemetry | undefined;
  /** Finds out who calls. When left out, callers prove it by the ways of the configuration. */
  authenticate?: Authenticator | undefined;
}

/** The part of the API that works with the database. */
type BoundApi = Pick<
  ApiOptions,
  | ("uploads" | "fileQueries" | "fileCommands" | "namespaces" | "events" | "subscriptions" | "audit")
  | ("privacy" | "jobs" | "markCommit" | "isNamespaceVisible")
>;

const CONNECT_RETRY_MS = 1000;

/**
 * Builds the service from its configuration and opens its port. The port answers at once; the service is ready when the
 * database and the bucket answer. Until then the obstacles are logged and shown at `/readyz`. Rejects when it cannot have the
 * port or cannot read the TLS files.
 */
export async function startApp(config: Config, log: Logger, options: AppOptions = {}): Promise<App> {
  const { siblings, slots = new OwnSlots(config.uploadsMax) } = options;
  const { trustedProxies } = config;
  const readiness = new Readiness(["database", "storage"]);
  const degrade: Readiness["degrade"] = (...problem) => readiness.degrade(...problem);
  const uploadTokens = toUploadTokens(config);
  let service: ConnectedService | undefined;
  const letting = { known: options.authenticate, uploadTokens, degrade, log, recorder: () => service?.recorder };
  const authentication = await letCallersIn(config, letting);
  const stopping = new AbortController();
  const budget = new MemoryBudget(config.budgetBytes, {
    ...config.budget,
    streams: () => service?.access.sessions.size ?? 0,
  });
  observeService({ readiness, budget, sessions: () => service?.access.sessions });
  const { authenticate } = authentication;
  const common = toApiOptions(config, { authenticate, readiness, log, shutdownSignal: stopping.signal });
  const { openLink: refuseLink, ...refusing } = createUnconnectedFunctions();
  const linkRoute = { log, trustedProxies };
  let serve = createLinkRoute(refuseLink, {
    ...linkRoute,
    serveOther: createApiListener({ ...common, ...refusing }),
  });
  const observer = createObserver(log, options.telemetry ?? NO_TELEMETRY);
  const { listener, certificates } = await openPort(config, {
    onRequest: observeCalls((request, response) => serve(request, response), observer),
    log,
    degrade,
  });
  if (certificates !== undefined) observeMetric("sluice.certificate.expiry", () => [[certificates.restMs / 1000, {}]]);
  const following = certificates?.start({ random: Math.random });
  const shared = { budget, slots, siblings };
  const bindOptions = toBindOptions(config, listener.url, options);
  const { publicUrl } = bindOptions;
  const connecting = { log, readiness, ...shared, publicUrl, signal: stopping.signal };
  const connected = connectService(config, connecting).then((ready) => {
    service = ready;
    const binding = { ...bindOptions, uploadTokens };
    serve = createServiceListener(ready, common, { ...linkRoute, ...binding });
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
    reloadCertificates: async () => await certificates?.reload(),
    stop: async () => {
      // The order matters: not ready, streams told, calls ended, jobs stopped, connections closed.
      readiness.drain();
      service?.access.sessions.drain();
      service?.watches.drain();
      service?.events.feed.drain();
      await listener.close({ graceMs: config.drainTimeoutMs });
      authentication.stop();
      await following?.stop();
      stopping.abort(new Error("the service stops"));
      await (await connected.catch(() => undefined))?.close();
    },
  };
}

/** The part of the API that works without the database. */
function toApiOptions(
  config: Config,
  options: Pick<ApiOptions, "authenticate" | "readiness" | "log" | "shutdownSignal">,
): Omit<ApiOptions, keyof BoundApi> {
  return {
    ...options,
    messages: new MessageBudget(config.messageBudgetBytes),
    configurations: { generateConfiguration: createLateGenerator() },
    otherFace: createRestFace,
    signInIssuers: toSignInIssuers(config),
    ...config.api,
  };
}

/** What a look at the service tells of its load and health. */
function observeService(of: {
  readiness: Readiness;
  budget: MemoryBudget;
  /** Undefined until the database has answered. */
  sessions: () => UploadSessions | undefined;
}): void {
  const { readiness, budget, sessions } = of;
  observeMetric("sluice.upload.streams", () => [[sessions()?.size ?? 0, {}]]);
  observeMetric("sluice.upload.parts", () => [[sessions()?.load.parts ?? 0, {}]]);
  observeMetric("sluice.spill.used", () => [[sessions()?.load.spilledBytes ?? 0, {}]]);
  observeMetric("sluice.memory.used", () => [[budget.usedBytes, {}]]);
  observeMetric("sluice.memory.limit", () => [[budget.totalBytes, {}]]);
  observeMetric("sluice.ready", () => [[readiness.isReady ? 1 : 0, {}]]);
  observeMetric("sluice.degraded", () =>
    readiness.degradations.map(({ component }) => [1, { "sluice.component": component }] as const),
  );
}

/** Each call is logged once, and told to whoever collects telemetry. */
function createObserver(log: Logger, telemetry: Telemetry): CallObserver {
  const logCall = createCallLog(log, { startTimer: (work, delayMs) => setTimeout(work, delayMs).unref() });
  return {
    run: telemetry.run,
    onEnd: (call, end) => {
      telemetry.end(call, end);
      logCall(call, end);
    },
    now: () => performance.now(),
  };
}

/** Finds out who calls, by `known` or else by the ways of the configuration, and logs who fails. */
async function letCallersIn(
  { auth, trustedProxies }: Config,
  options: {
    known: Authenticator | undefined;
    uploadTokens: ReturnType<typeof toUploadTokens>;
    degrade: Readiness["degrade"];
    log: Logger;
    /** Undefined until the database has answered. */
    recorder: () => ConnectedService["recorder"] | undefined;
  },
): Promise<Authentication> {
  const { uploadTokens, degrade, log, recorder } = options;
  const { authenticate, stop } = await startAuthentication({ ...auth, uploadTokens }, { log, degrade, trustedProxies });
  const known = addOrigin(options.known ?? authenticate, { trustedProxies });
  const record: RecordEntry = (entry, options) => recorder()?.record(entry, options);
  return { authenticate: recordFailures(known, { record, trustedProxies, now: () => new Date() }), stop };
}

/** Opens the port. Where it has TLS, it can be served by other files while it is open. */
async function openPort(
  { listen: address, listener: limits, tls: paths }: Config,
  { onRequest, log, degrade }: Pick<ListenOptions, "onRequest"> & { log: Logger; degrade: Readiness["degrade"] },
): Promise<{ listener: Listener; certificates: CertificateWatch<TlsFiles> | undefined }> {
  const tls = paths && (await readTlsFiles(paths));
  const listener = await listen({
    ...address,
    tls,
    limits,
    onRequest,
    onError: (error) => log.error({ error }, "the port has a problem"),
  });
  if (paths === undefined || tls === undefined) return { listener, certificates: undefined };
  const certificates = new CertificateWatch(tls, {
    read: () => readTlsFiles(paths),
    use: (files) => listener.renewTls?.(files),
    report: (problem) => degrade("certificate", problem),
    log,
    now: () => new Date(),
  });
  return { listener, certificates };
}

function toBindOptions(
  { publicUrl, admins, namespace }: Config,
  listenerUrl: string,
  { requests = new RequestBuckets() }: SharedWithWorkers,
): Omit<BindOptions, "uploadTokens"> {
  return { publicUrl: publicUrl ?? listenerUrl, admins, defaults: namespace, requests };
}

/** How upload tokens are made and judged; without keys there are none. */
function toUploadTokens({ uploadTokens: { keys, lifetimeMaxMs }, uploads }: Config) {
  const signer = keys.length === 0 ? undefined : createPurposeSigner(keys, UPLOAD_TOKEN_PURPOSE);
  const format = signer && ((token: UploadToken) => formatUploadToken(token, signer));
  return { signer, format, lifetimeMaxMs, uploadLifeMaxMs: uploads.expireCapMs };
}

function toSignInIssuers({ auth }: Config): ApiOptions["signInIssuers"] {
  return auth.issuers.flatMap(({ alias, issuer, login }) => (login === undefined ? [] : [{ alias, issuer, ...login }]));
}

/** The generator is loaded with the first call: most services never generate a configuration. */
function createLateGenerator(): ApiOptions["configurations"]["generateConfiguration"] {
  let loaded: Promise<Generate> | undefined;
  return async (request, { caller, signal }) => {
    loaded ??= import("../aws/generate-on-thread.ts").then(({ createGenerator, GENERATION_LIMITS }) =>
      createGenerator(GENERATION_LIMITS),
    );
    return (await loaded)(request, { caller: caller.principal, signal });
  };
}

function createServiceListener(
  service: ConnectedService,
  common: Omit<ApiOptions, keyof BoundApi>,
  options: BindOptions & { trustedProxies: number; log: Logger },
): NodeRequestListener {
  const { functions, writing, openLink, isNamespaceVisible } = bindFunctions(service, options);
  const { markCommit } = writing;
  const serveApi = createApiListener({ ...common, markCommit, isNamespaceVisible, ...functions });
  const ingest = { ...writing, authenticate: common.authenticate, log: common.log };
  return createLinkRoute(openLink, {
    ...options,
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
    namespaces: refuseAll<ApiOptions["namespaces"]>(),
    events: refuseAll<ApiOptions["events"]>(),
    subscriptions: refuseAll<ApiOptions["subscriptions"]>(),
    audit: refuseAll<ApiOptions["audit"]>(),
    privacy: refuseAll<ApiOptions["privacy"]>(),
    jobs: refuseAll<ApiOptions["jobs"]>(),
    markCommit: async () => undefined,
    isNamespaceVisible: () => false,
    openLink: async () => refuse(),
  };
}
