import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { ConfigurationService } from "../../gen/sluice/v1/configuration_service_pb.ts";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { PART_MESSAGE_MAX_BYTES } from "../domain/part-plan.ts";
import type { Position } from "../domain/position.ts";
import { createAuthenticationGate } from "./caller-context.ts";
import { type ConfigurationFunctions, createConfigurationService } from "./configuration-service.ts";
import { createConnectListener } from "./connect-listener.ts";
import { createCors } from "./cors.ts";
import { createErrorInterceptor, type ErrorLog } from "./error-interceptor.ts";
import { createFileCommandService, type FileCommandFunctions } from "./file-command-service.ts";
import { createFileQueryService, type FileQueryFunctions } from "./file-query-service.ts";
import { createHealthService } from "./health-service.ts";
import type { NodeRequest, NodeRequestListener, NodeResponse } from "./node-messages.ts";
import { type AdmitPart, createPartGate } from "./part-gate.ts";
import { createPositionInterceptor } from "./position-interceptor.ts";
import { answerProbe } from "./probes.ts";
import type { Readiness } from "./readiness.ts";
import { createReflectionService } from "./reflection-service.ts";
import { createUploadService, type UploadFunctions } from "./upload-service.ts";

/** What the API is made of. */
export interface ApiOptions {
  uploads: UploadFunctions;
  fileQueries: FileQueryFunctions;
  fileCommands: FileCommandFunctions;
  configurations: ConfigurationFunctions;
  /**
   * Resolves once nothing cached here hides what was committed before the call, to a position behind it, or to undefined where the
   * database does not say it: what was committed stands all the same. Never rejects.
   */
  catchUp: () => Promise<Position | undefined>;
  authenticate: Authenticator;
  readiness: Readiness;
  log: ErrorLog;
  /** Largest message in either direction, in bytes, after decompression; gRPC clients take 4 MiB by default. */
  messageMaxBytes: number;
  /** An answer that streams is ended when its caller takes nothing of it for so long, in milliseconds. */
  answerStallMs: number;
  /** Origins whose scripts may call from a browser; empty allows none. */
  corsOrigins: readonly string[];
  /** Aborted when open calls must end now; the reason, a DomainError or ConnectError, is what callers hear. */
  shutdownSignal?: AbortSignal;
  /** Another form of the same methods on the same port. */
  otherFace?: OtherFace;
}

/** Builds another form of the methods from their handlers; what it returns is false for requests that are not its own. */
export type OtherFace = (
  handlers: readonly UniversalHandler[],
  options: ApiOptions,
) => (request: NodeRequest, response: NodeResponse) => boolean;

/** Longest deadline that a caller may set, in milliseconds, 24 days: Node's timers take a longer one for 1 ms. */
const DEADLINE_MAX_MS = 2 ** 31 - 1;

/** The services of the API proper; all of them need a token, and have one health. */
const SERVICES = [UploadService, FileQueryService, FileCommandService, ConfigurationService];
const REFLECTED = [...SERVICES, Health, ServerReflection, ServerReflectionAlpha];

/**
 * One listener for everything but the gRPC form of WriteUpload: the API over gRPC, gRPC-web and Connect, health,
 * reflection, `/livez` and `/readyz`. Health and probes are open, because load balancers carry no tokens; reflection
 * needs one like any other call, since it tells the whole surface of the service. Calls of unknown methods are
 * `unimplemented`; any other path is the other face's, or 404.
 */
export function createApiListener(options: ApiOptions): NodeRequestListener {
  const answerCors = createCors(options.corsOrigins);
  const router = createRoutes(options);
  const serveConnect = createConnectListener(router, options);
  const serveOther = options.otherFace?.(router.handlers, options);
  return (request, response) => {
    if (answerCors(request, response) || answerProbe(options, request, response)) return;
    if (serveOther === undefined || !serveOther(request, response)) serveConnect(request, response);
  };
}

function createRoutes(options: ApiOptions): ConnectRouter {
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: options.messageMaxBytes,
    writeMaxBytes: options.messageMaxBytes,
    maxTimeoutMs: DEADLINE_MAX_MS,
    requireConnectProtocolHeader: false,
    interceptors: [createErrorInterceptor(options.log), createPositionInterceptor(options.catchUp)],
    ...(options.shutdownSignal !== undefined && { shutdownSignal: options.shutdownSignal }),
  });
  const guarded = { requestGate: createAuthenticationGate(options.authenticate, options.log) };
  // File bytes seldom compress: no CPU for trying, in either direction.
  const guardedBytes = { ...guarded, acceptCompression: [] };
  const { writeUpload, writePart, ...uploads } = createUploadService(options.uploads);
  const admit: AdmitPart = (message, call) => options.uploads.admitPart(message, call);
  const guardedPart = {
    requestGate: createPartGate(admit, { authenticate: guarded.requestGate, log: options.log }),
    readMaxBytes: PART_MESSAGE_MAX_BYTES,
    acceptCompression: [],
  };
  const { readFile, ...fileQueries } = createFileQueryService(options.fileQueries);
  const reflection = createReflectionService(REFLECTED, [file_google_rpc_error_details]);
  const serviceNames = SERVICES.map((service) => service.typeName);
  // A route that is registered later replaces the earlier one: the byte streams override their service's options.
  return router
    .service(UploadService, uploads, guarded)
    .rpc(UploadService.method.writeUpload, writeUpload, guardedBytes)
    .rpc(UploadService.method.writePart, writePart, guardedPart)
    .service(FileQueryService, fileQueries, guarded)
    .rpc(FileQueryService.method.readFile, readFile, guardedBytes)
    .service(FileCommandService, createFileCommandService(options.fileCommands), guarded)
    .service(ConfigurationService, createConfigurationService(options.configurations), guarded)
    .service(ServerReflection, reflection, guarded)
    .service(ServerReflectionAlpha, reflection, guarded)
    .service(Health, createHealthService(options.readiness, serviceNames));
}
