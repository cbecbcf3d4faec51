import type { Authenticator } from "../../auth/authenticator.ts";
import { answerJson, type NodeRequest, type NodeResponse, pathOf } from "../listener/node-messages.ts";
import type { Readiness } from "./readiness.ts";

/**
 * Answers `/livez` (the process answers) and `/readyz` (the service can do its work: 200, or 503 with the components that
 * cannot), for probes that speak plain HTTP. "degraded" is 200 too, with the components that are wrong at every replica
 * alike. Both paths are open to everyone. A description of the problem may name a bucket, so only callers with a token see
 * it. Returns false when the path is another.
 */
export function answerProbe(
  { readiness, authenticate }: { readiness: Readiness; authenticate: Authenticator },
  request: NodeRequest,
  response: NodeResponse,
): boolean {
  switch (pathOf(request)) {
    case "/livez":
      answerJson(request, response, { status: 200, body: { status: "live" } });
      return true;
    case "/readyz":
      answerReadiness({ readiness, authenticate }, request, response);
      return true;
    default:
      return false;
  }
}

function answerReadiness(
  { readiness, authenticate }: { readiness: Readiness; authenticate: Authenticator },
  request: NodeRequest,
  response: NodeResponse,
): void {
  const { isReady, problems, degradations } = readiness;
  const wrong = isReady ? degradations : problems;
  if (wrong.length === 0) {
    answerJson(request, response, { status: 200, body: { status: "ready" } });
    return;
  }
  isKnown(request, authenticate).then((isTold) => {
    const shown = isTold ? wrong : wrong.map(({ component }) => ({ component }));
    const status = isReady ? "degraded" : "not ready";
    answerJson(request, response, { status: isReady ? 200 : 503, body: { status, problems: shown } });
  });
}

/** Whether a request has a valid token. A wrong token changes nothing: probes must learn the state of the service. */
async function isKnown({ headers, socket }: NodeRequest, authenticate: Authenticator): Promise<boolean> {
  if (headers.authorization === undefined) return false;
  return await authenticate((name) => String(headers[name] ?? ""), socket.remoteAddress).then(
    () => true,
    () => false,
  );
}

/** The 404 of a path that nothing serves. */
export function answerNotFound(request: NodeRequest, response: NodeResponse): void {
  const message = `nothing is served at ${request.method} ${pathOf(request)}; methods are at POST /sluice.v1.<Service>/<Method>`;
  answerJson(request, response, { status: 404, body: { code: "not_found", message } });
}
