import { type ErrorLog, logDefect } from "../rpc/error-interceptor.ts";
import { answer, type NodeRequest, type NodeResponse } from "../rpc/node-messages.ts";
import type { ApiOptions, OtherFace } from "../rpc/router.ts";
import { toJsonText } from "./answers.ts";
import { endRequest } from "./end-request.ts";
import { createMethodCalls } from "./method-calls.ts";
import { createMethodRoutes, type Serve } from "./method-routes.ts";
import { toProblem } from "./problem.ts";
import { splitUrl } from "./query-parameters.ts";
import { RestRefusal } from "./rest-refusal.ts";
import { RouteTable } from "./route-table.ts";

/** What the paths of this face begin with. */
const PREFIX = "/v1/";

/**
 * The HTTP face of the API: everything under `/v1/`, by the annotations of the methods and the byte routes beside them.
 * Errors are RFC 9457 problems. Any other path is left to the other faces.
 */
export const createRestFace: OtherFace = (handlers, options) => {
  const routes = new RouteTable(createRoutes(handlers, options));
  return (request, response) => {
    if (!request.url?.startsWith(PREFIX)) return false;
    serve(routes, request, response).catch((error) => answerProblem(error, { request, response, log: options.log }));
    return true;
  };
};

function createRoutes(handlers: Parameters<OtherFace>[0], options: ApiOptions) {
  const { authenticate, messageMaxBytes } = options;
  const calls = createMethodCalls(handlers);
  return createMethodRoutes(handlers, { calls, authenticate, messageMaxBytes });
}

async function serve(routes: RouteTable<Serve>, request: NodeRequest, response: NodeResponse): Promise<void> {
  const gone = new AbortController();
  // What goes wrong with a request or response ends in "close"; the error itself is the network's or the caller's.
  request.on("error", () => {});
  response.on("error", () => {});
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new Error("the caller went away"));
  });
  const { path, query } = splitUrl(request.url ?? "");
  const allow = request.method === "OPTIONS" ? routes.allowed(path) : undefined;
  if (allow !== undefined) answer(response, { status: 204, headers: { allow } });
  else {
    const { serve: serveRoute, variables } = routes.find(request.method ?? "", path);
    await serveRoute({ request, response, variables, query, signal: gone.signal });
  }
  endRequest(request, response);
}

/** Answers with what was thrown. A defect is logged; what methods threw has been logged by them. */
function answerProblem(
  error: unknown,
  { request, response, log }: { request: NodeRequest; response: NodeResponse; log: ErrorLog },
): void {
  const { problem, headers } = toProblem(error);
  if (!(error instanceof RestRefusal)) logDefect(error, { log, method: `${request.method} ${PREFIX}` });
  if (response.headersSent || response.destroyed) {
    // Half an answer cannot become another: a cut is all that is left to say it.
    response.destroy();
    return;
  }
  const text = toJsonText({ ...problem });
  headers["content-type"] = "application/problem+json";
  headers["content-length"] = String(Buffer.byteLength(text));
  headers["cache-control"] = "no-store";
  answer(response, { status: problem.status, headers, text: request.method === "HEAD" ? "" : text });
  endRequest(request, response);
}
