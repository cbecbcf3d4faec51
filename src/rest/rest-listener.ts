import { type ErrorLog, translateError } from "../rpc/calls/error-interceptor.ts";
import { MessageArrival } from "../rpc/calls/message-arrival.ts";
import { answer, type NodeRequest, type NodeResponse } from "../rpc/listener/node-messages.ts";
import { isSecurityHeader } from "../rpc/listener/security-headers.ts";
import type { ApiOptions, OtherFace } from "../rpc/router.ts";
import { currentCall } from "../telemetry/observed-call.ts";
import { toJsonText } from "./answers.ts";
import { createDocumentation } from "./documentation.ts";
import { createEventStream } from "./events/event-stream.ts";
import { createFileMedia } from "./files/file-media.ts";
import { createFilePut } from "./files/put-file.ts";
import { createPartPut } from "./files/put-part.ts";
import { createMethodCalls } from "./method-calls.ts";
import { createMethodRoutes, type Serve } from "./method-routes.ts";
import { toProblem } from "./problem.ts";
import { endRequest } from "./requests/end-request.ts";
import { splitUrl } from "./requests/query-parameters.ts";
import type { RestCall } from "./requests/rest-call.ts";
import { RestRefusal } from "./requests/rest-refusal.ts";
import { type Route, RouteTable } from "./requests/route-table.ts";

/** The beginning of every path of the REST face. */
const PREFIX = "/v1/";

/**
 * The HTTP face of the API: everything under `/v1/`, by the annotations of the methods and the byte routes beside them.
 * Errors are RFC 9457 problems. It also serves the OpenAPI document of all this. Any other path is left to the other faces.
 */
export const createRestFace: OtherFace = (handlers, options) => {
  const routes = new RouteTable(createRoutes(handlers, options));
  const findDocument = createDocumentation(options.signInIssuers);
  return (request, response) => {
    const serveDocument = findDocument(request);
    if (serveDocument === undefined && !request.url?.startsWith(PREFIX)) return false;
    const signal = watchCaller(request, response);
    const served =
      serveDocument === undefined
        ? serve(routes, { request, response, signal })
        : serveDocument(request, response).then(() => endRequest(request, response));
    served.catch((error) => answerProblem(error, { request, response, signal, log: options.log }));
    return true;
  };
};

const FILE_TEMPLATE = "/v1/namespaces/{namespace}/files/{path=**}";
const EVENTS_TEMPLATE = "/v1/namespaces/{namespace}/events:watch";
const PART_TEMPLATE = "/v1/namespaces/{namespace}/uploads/{upload_id}/parts/{part_number}";

/** The routes of the methods, and over them those that carry the bytes of files, and events in a form of their own. */
function createRoutes(handlers: Parameters<OtherFace>[0], options: ApiOptions): Route<Serve>[] {
  const calls = createMethodCalls(handlers);
  const methods = createMethodRoutes(handlers, { calls, ...options });
  const media = createFileMedia(options, { calls, serveMetadata: findGet(methods, FILE_TEMPLATE) });
  const events = createEventStream({ calls, serveLines: findGet(methods, EVENTS_TEMPLATE) });
  return [
    ...methods,
    { httpMethod: "GET", template: FILE_TEMPLATE, serve: media },
    { httpMethod: "GET", template: EVENTS_TEMPLATE, serve: events },
    {
      httpMethod: "PUT",
      template: FILE_TEMPLATE,
      serve: createFilePut(options),
    },
    {
      httpMethod: "PUT",
      template: PART_TEMPLATE,
      serve: createPartPut(options),
    },
  ];
}

function findGet(methods: readonly Route<Serve>[], wanted: string): Serve {
  const found = methods.find(({ httpMethod, template }) => httpMethod === "GET" && template === wanted);
  if (found === undefined) throw new Error(`no method is served at GET ${wanted}`);
  return found.serve;
}

/** A signal that aborts when the caller is gone before its answer is complete. */
function watchCaller(request: NodeRequest, response: NodeResponse): AbortSignal {
  const gone = new AbortController();
  // Every error of a request or response ends in "close"; the network or the caller caused it.
  request.on("error", () => {});
  response.on("error", () => {});
  response.once("close", () => {
    // Node calls the writes of an HTTP/2 stream finished that was cut before its answer had ended.
    if (!response.writableEnded || !response.writableFinished) gone.abort(new Error("the caller went away"));
  });
  return gone.signal;
}

async function serve(
  routes: RouteTable<Serve>,
  { request, response, signal }: Pick<RestCall, "request" | "response" | "signal">,
): Promise<void> {
  const { path, query } = splitUrl(request.url ?? "");
  const allow = request.method === "OPTIONS" ? routes.allowed(path) : undefined;
  if (allow !== undefined) answer(response, { status: 204, headers: { allow } });
  else {
    const { serve: serveRoute, variables } = routes.find(request.method ?? "", path);
    const arrival = new MessageArrival(request);
    try {
      await serveRoute({ request, response, arrival, variables, query, signal });
    } finally {
      arrival.release();
    }
  }
  endRequest(request, response);
}

/** Answers with the thrown error. Defects are logged here; errors of methods have been logged by the methods. */
function answerProblem(
  error: unknown,
  { request, response, signal, log }: Pick<RestCall, "request" | "response" | "signal"> & { log: ErrorLog },
): void {
  const isRefusal = error instanceof RestRefusal;
  if (isRefusal)
    currentCall()?.fail({
      code: error.reason === "ETAG_MISMATCH" ? "failed_precondition" : "invalid_argument",
      reason: error.reason,
    });
  const shown = isRefusal ? error : translateError(error, { log, signal, method: `${request.method} ${PREFIX}` });
  const { problem, headers } = toProblem(shown);
  if (response.headersSent || response.destroyed) {
    // Half an answer cannot become another one, so the connection is cut to show the failure.
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) {
    // These headers were meant for another answer. Those of CORS and those that guard browsers hold for this one, too.
    const isKept = name === "vary" || name.startsWith("access-control-") || isSecurityHeader(name);
    if (!isKept) response.removeHeader(name);
  }
  const text = toJsonText({ ...problem });
  headers["content-type"] = "application/problem+json";
  headers["content-length"] = String(Buffer.byteLength(text));
  headers["cache-control"] = "no-store";
  answer(response, { status: problem.status, headers, text: request.method === "HEAD" ? "" : text });
  endRequest(request, response);
}
