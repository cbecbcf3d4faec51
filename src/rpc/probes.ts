import type { Authenticator } from "../auth/authenticator.ts";
import { answerJson, type NodeRequest, type NodeResponse, pathOf } from "./node-messages.ts";
import type { Readiness } from "./readiness.ts";

/**
 * `/livez` (the process answers) and `/readyz` (it can do its work: 200, or 503 with the components that cannot), for probes
 * that speak plain HTTP. Both are open to everyone; what is wrong with a component, which may name a bucket, is said to
 * callers with a token alone. False when the path is another.
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
      if (readiness.isReady) answerJson(request, response, { status: 200, body: { status: "ready" } });
      else {
        isKnown(request, authenticate).then((isTold) => {
          const problems = readiness.problems.map(({ component, problem }) => ({
            component,
            ...(isTold && { problem }),
          }));
          answerJson(request, response, { status: 503, body: { status: "not ready", problems } });
        });
      }
      return true;
    default:
      return false;
  }
}

/** Whether a request comes with a token that holds. A wrong one changes nothing: probes must hear how the service is. */
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
