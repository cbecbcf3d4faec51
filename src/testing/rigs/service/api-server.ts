import type { Authenticator } from "../../../auth/authenticator.ts";
import { createDevAuthenticator } from "../../../auth/dev-authenticator.ts";
import type { CommitPosition } from "../../../domain/commit-position.ts";
import { MessageBudget } from "../../../domain/limits/message-budget.ts";
import { createRestFace } from "../../../rest/rest-listener.ts";
import { type Listener, listen } from "../../../rpc/listener/listener.ts";
import { type ApiOptions, createApiListener } from "../../../rpc/router.ts";
import { Readiness } from "../../../rpc/services/readiness.ts";
import type { TlsCertificate } from "../tls-certificate.ts";
import { TEST_LISTENER_LIMITS } from "./test-listener.ts";

/** The token that the API server of tests accepts. */
export const API_TOKEN = "test-token";

/** When problems of the API server of tests begin. */
export const PROBLEM_TIME = new Date("2026-01-01T00:00:00Z");
/** The one namespace that its callers may know. */
export const VISIBLE_NAMESPACE = "visible";

/** A served API and what it noted. */
export interface ApiServer {
  url: string;
  port: number;
  readiness: Readiness;
  /** Defects that were logged. */
  defects: { error: unknown; method: string }[];
  /** The budget that messages are counted against. */
  messages: MessageBudget;
  close: Listener["close"];
}

/** The functions behind the API that a test brings; calling one that it does not bring is a defect. */
export interface ApiFunctions {
  uploads?: Partial<ApiOptions["uploads"]>;
  fileQueries?: Partial<ApiOptions["fileQueries"]>;
  fileCommands?: Partial<ApiOptions["fileCommands"]>;
  namespaces?: Partial<ApiOptions["namespaces"]>;
  events?: Partial<ApiOptions["events"]>;
  subscriptions?: Partial<ApiOptions["subscriptions"]>;
  audit?: Partial<ApiOptions["audit"]>;
  privacy?: Partial<ApiOptions["privacy"]>;
  jobs?: Partial<ApiOptions["jobs"]>;
  configurations?: Partial<ApiOptions["configurations"]>;
}

/** Serves the API in this process, on a free port, ready, over the given functions. */
export async function openApiServer(
  functions: ApiFunctions = {},
  options: {
    tls?: TlsCertificate;
    corsOrigins?: string[];
    shutdownSignal?: AbortSignal;
    position?: CommitPosition;
    answerStallMs?: number;
    messageTimeoutMs?: number;
    messageBudgetBytes?: number;
    authenticate?: Authenticator;
    signInIssuers?: ApiOptions["signInIssuers"];
  } = {},
): Promise<ApiServer> {
  const readiness = new Readiness(["database"], { now: () => PROBLEM_TIME });
  readiness.report("database", undefined);
  const defects: ApiServer["defects"] = [];
  const messages = new MessageBudget(options.messageBudgetBytes ?? 128 * 1024 * 1024);
  const onRequest = createApiListener({
    uploads: withDefects(functions.uploads),
    fileQueries: withDefects(functions.fileQueries),
    fileCommands: withDefects(functions.fileCommands),
    namespaces: withDefects(functions.namespaces),
    events: withDefects(functions.events),
    subscriptions: withDefects(functions.subscriptions),
    audit: withDefects(functions.audit),
    privacy: withDefects(functions.privacy),
    jobs: withDefects(functions.jobs),
    configurations: withDefects(functions.configurations),
    markCommit: async () => options.position,
    authenticate: options.authenticate ?? createDevAuthenticator(API_TOKEN),
    isNamespaceVisible: (_caller, namespace) => namespace === VISIBLE_NAMESPACE,
    readiness,
    log: { error: (fields) => defects.push(fields) },
    messageMaxBytes: 4 * 1024 * 1024,
    answerStallMs: options.answerStallMs ?? 60_000,
    messageLimits: { maxBytes: 1024 * 1024, timeoutMs: options.messageTimeoutMs ?? 30_000 },
    messages,
    corsOrigins: options.corsOrigins ?? [],
    otherFace: createRestFace,
    signInIssuers: options.signInIssuers ?? [],
    ...(options.shutdownSignal !== undefined && { shutdownSignal: options.shutdownSignal }),
  });
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    tls: options.tls,
    onRequest,
    onError: (error) => {
      throw error;
    },
    limits: {
      ...TEST_LISTENER_LIMITS,
      sessionWindowBytes: 8 * 1024 * 1024,
      streamsMax: 100,
      callsBegunMax: 64,
      headersMaxBytes: 32_768,
      headersTimeoutMs: 10_000,
    },
  });
  return { url: listener.url, port: listener.port, close: listener.close, readiness, defects, messages };
}

function withDefects<T extends object>(functions: Partial<T> | undefined): T {
  return new Proxy((functions ?? {}) as T, {
    get: (target, name) =>
      Reflect.get(target, name) ??
      (() => {
        throw new Error(`the test brings no function ${String(name)}`);
      }),
  });
}
