import { type ConnectRouter, createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { AuditService } from "../../gen/sluice/v1/audit_service_pb.ts";
import { ConfigurationService } from "../../gen/sluice/v1/configuration_service_pb.ts";
import { EventService } from "../../gen/sluice/v1/event_service_pb.ts";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { JobService } from "../../gen/sluice/v1/job_service_pb.ts";
import { NamespaceService } from "../../gen/sluice/v1/namespace_service_pb.ts";
import { PrivacyService } from "../../gen/sluice/v1/privacy_service_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Caller } from "../domain/caller.ts";
import type { CommitPosition } from "../domain/commit-position.ts";
import type { MessageBudget } from "../domain/limits/message-budget.ts";
import { WorkLimiter } from "../domain/limits/work-limiter.ts";
import type { ApiFunctions } from "./bound-functions.ts";
import { callerOf, createAuthenticationGate, refuseUploadTokens } from "./calls/caller-context.ts";
import { countedGzip } from "./calls/counted-gzip.ts";
import { createErrorInterceptor, type ErrorLog } from "./calls/error-interceptor.ts";
import { currentArrival } from "./calls/message-arrival.ts";
import { type MessageLimits, PART_LIMITS, QUESTION_MAX_BYTES } from "./calls/message-limits.ts";
import { type AdmitPart, createPartGate } from "./calls/part-gate.ts";
import { createPositionInterceptor } from "./calls/position-interceptor.ts";
import { createConnectListener } from "./connect-listener.ts";
import { createCors } from "./listener/cors.ts";
import type { NodeRequest, NodeRequestListener, NodeResponse } from "./listener/node-messages.ts";
import { createAuditService } from "./services/audit-service.ts";
import { type ConfigurationFunctions, createConfigurationService } from "./services/configuration-service.ts";
import { createEventService } from "./services/event-service.ts";
import { createFileCommandService } from "./services/file-command-service.ts";
import { createFileQueryService } from "./services/file-query-service.ts";
import { createGrpcReadFile } from "./services/grpc-read-file.ts";
import { createHealthService, HEALTH_WATCH_LIMITS } from "./services/health-service.ts";
import { createJobService } from "./services/job-service.ts";
import { createNamespaceService } from "./services/namespace-service.ts";
import { createPrivacyService } from "./services/privacy-service.ts";
import { answerProbe } from "./services/probes.ts";
import type { Readiness } from "./services/readiness.ts";
import { createReflectionService } from "./services/reflection-service.ts";
import { createUploadService } from "./services/upload-service.ts";

/** Everything that the API is made of. */
export interface ApiOptions extends ApiFunctions {
  configurations: ConfigurationFunctions;
  /**
   * Resolves to a commit position behind all changes that were committed before the call, once this caller's reads here are sure to
   * see them; to undefined when the database does not tell one: the changes are committed all the same. Never rejects.
   */
  markCommit: (caller: Caller) => Promise<CommitPosition | undefined>;
  authenticate: Authenticator;
  /** Whether the caller may know that there is a namespace of that name. */
  isNamespaceVisible: (caller: Caller, namespace: string) => boolean;
  readiness: Readiness;
  log: ErrorLog;
  /** Largest message of an answer, and of a stream that writes, in bytes; gRPC clients take 4 MiB by default. */
  messageMaxBytes: number;
  /** A streaming answer ends when its caller takes nothing of it for this long, in milliseconds. */
  answerStallMs: number;
  /** Limits of callers' messages, for methods that have none of their own. */
  messageLimits: MessageLimits;
  /** The budget that all messages of callers are counted against, except parts: these have their own budget. */
  messages: MessageBudget;
  /** Origins whose scripts may call from a browser; an empty list allows none. */
  corsOrigins: readonly string[];
  /** Issuers by which people sign in on the documentation's page and by the command line. */
  signInIssuers: readonly SignInIssuer[];
  /** Aborted when open calls must end now. Callers receive the reason, a DomainError or ConnectError. */
  shutdownSignal?: AbortSignal;
  /** Serves the same methods in another form on the same port. */
  otherFace?: OtherFace;
}

/** An issuer by which people sign in. All of it is public. */
export interface SignInIssuer {
  alias: string;
  /** The issuer's URL: its discovery document says where to sign in. */
  issuer: string;
  clientId: string;
  scopes: readonly string[];
  /** Sent to the issuer as the parameter `audience`, which some need. */
  audience: string | undefined;
  /** Origins beside the issuer's own at which a browser gets tokens. */
  origins: readonly string[];
}

/** Builds another form of the methods from their handlers. The result returns false for requests that are not its own. */
export type OtherFace = (
  handlers: readonly UniversalHandler[],
  options: ApiOptions,
) => (request: NodeRequest, response: NodeResponse) => boolean;

/** Longest deadline that a caller may set, in milliseconds, 24 days: Node's timers take a longer one for 1 ms. */
const DEADLINE_MAX_MS = 2 ** 31 - 1;

/** The services of the API proper. All of them need a token, and they share one health. */
const SERVICES = [
  UploadService,
  FileQueryService,
  FileCommandService,
  NamespaceService,
  EventService,
  AuditService,
  PrivacyService,
  JobService,
  ConfigurationService,
];
const REFLECTED = [...SERVICES, Health, ServerReflection, ServerReflectionAlpha];

/**
 * One listener for everything but the gRPC form of WriteUpload: the API over gRPC, gRPC-web and Connect, health, reflection,
 * `/livez` and `/readyz`. Health and probes are open, because load balancers carry no tokens. Reflection needs a token like
 * any other call, because it tells the whole surface of the service. Calls of unknown methods are `unimplemented`. Any other
 * path goes to the other face, or is answered 404.
 */
export function createApiListener(options: ApiOptions): NodeRequestListener {
  const answerCors = createCors(options.corsOrigins);
  const gates = createGates(options);
  const router = createRoutes(options, gates);
  const serveConnect = createConnectListener(router, options);
  const serveReadFile = createGrpcReadFile({ ...options, ...gates.bytes, deadlineMaxMs: DEADLINE_MAX_MS });
  const serveOther = options.otherFace?.(router.handlers, options);
  return (request, response) => {
    if (answerCors(request, response) || answerProbe(options, request, response)) return;
    if (serveReadFile(request, response)) return;
    if (serveOther === undefined || !serveOther(request, response)) serveConnect(request, response);
  };
}

function createRoutes(options: ApiOptions, gates: ReturnType<typeof createGates>): ConnectRouter {
  const router = createConnectRouter({
    acceptCompression: [countedGzip],
    readMaxBytes: options.messageLimits.maxBytes,
    writeMaxBytes: options.messageMaxBytes,
    maxTimeoutMs: DEADLINE_MAX_MS,
    requireConnectProtocolHeader: false,
    // Nobody reads unknown fields, and each would become an object of its own.
    binaryOptions: { readUnknownFields: false },
    interceptors: [createErrorInterceptor(options.log), createPositionInterceptor(options.markCommit)],
    ...(options.shutdownSignal !== undefined && { shutdownSignal: options.shutdownSignal }),
  });
  const { writeUpload, writePart, ...uploads } = createUploadService(options.uploads);
  const { readFile, ...fileQueries } = createFileQueryService(options.fileQueries);
  const reflection = createReflectionService(REFLECTED, [file_google_rpc_error_details]);
  const watches = new WorkLimiter("health watches", HEALTH_WATCH_LIMITS);
  const serviceNames = SERVICES.map((service) => service.typeName);
  // A route that is registered later replaces the earlier one: the byte streams override their service's options.
  return router
    .service(UploadService, uploads, gates.upload)
    .rpc(UploadService.method.writeUpload, writeUpload, gates.stream)
    .rpc(UploadService.method.writePart, writePart, gates.part)
    .service(FileQueryService, fileQueries, gates.call)
    .rpc(FileQueryService.method.readFile, readFile, gates.bytes)
    .service(FileCommandService, createFileCommandService(options.fileCommands), gates.call)
    .service(NamespaceService, createNamespaceService(options.namespaces), gates.call)
    .service(EventService, createEventService(options.events, options.subscriptions), gates.call)
    .service(AuditService, createAuditService(options.audit), gates.call)
    .service(PrivacyService, createPrivacyService(options.privacy), gates.call)
    .service(JobService, createJobService(options.jobs), gates.call)
    .service(ConfigurationService, createConfigurationService(options.configurations), gates.call)
    .service(ServerReflection, reflection, gates.questions)
    .service(ServerReflectionAlpha, reflection, gates.questions)
    .service(Health, createHealthService(options.readiness, { serviceNames, watches }), gates.health);
}

/** The gates that calls pass before any of their message is read, and the limits that belong to them, by kind of method. */
function createGates(options: ApiOptions) {
  const { log, messages } = options;
  const authenticate = createAuthenticationGate(options.authenticate, log);
  const authenticateOwn = createAuthenticationGate(refuseUploadTokens(options.authenticate), log);
  const holding = (gate: typeof authenticate) => async (context: HandlerContext) => {
    await gate(context);
    currentArrival().holdFor(callerOf(context).principal, messages);
  };
  const requestGate = holding(authenticateOwn);
  const admit: AdmitPart = (message, call) => options.uploads.admitPart(message, call);
  // File bytes seldom compress, so no CPU is spent on trying, in either direction.
  const uncompressed = { acceptCompression: [] };
  return {
    call: { requestGate },
    upload: { requestGate: holding(authenticate) },
    bytes: { requestGate, ...uncompressed },
    part: {
      requestGate: createPartGate(admit, { authenticate, log }),
      readMaxBytes: PART_LIMITS.maxBytes,
      ...uncompressed,
    },
    stream: { requestGate: authenticate, readMaxBytes: options.messageMaxBytes, ...uncompressed },
    // A question names one file or symbol. Questions follow one another on a stream that may last.
    questions: { requestGate: authenticateOwn, readMaxBytes: QUESTION_MAX_BYTES, ...uncompressed },
    health: {
      requestGate: async () => {
        const arrival = currentArrival();
        arrival.holdFor(arrival.address, messages);
      },
      readMaxBytes: QUESTION_MAX_BYTES,
      ...uncompressed,
    },
  };
}
