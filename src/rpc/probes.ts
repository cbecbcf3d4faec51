import { answerJson, type NodeRequest, type NodeResponse, pathOf } from "./node-messages.ts";
import type { Readiness } from "./readiness.ts";

/**
 * `/livez` (the process answers) and `/readyz` (it can do its work: 200, or 503 with the reasons), for probes that
 * speak plain HTTP. Open to everyone, so they say nothing else. "degraded" is 200 too, with what is wrong at every replica
 * alike. False when the path is another.
 */
export function answerProbe(readiness: Readiness, request: NodeRequest, response: NodeResponse): boolean {
  switch (pathOf(request)) {
    case "/livez":
      answerJson(request, response, { status: 200, body: { status: "live" } });
      return true;
    case "/readyz": {
      const { isReady, problems, degradations } = readiness;
      const state = degradations.length === 0 ? { status: "ready" } : { status: "degraded", problems: degradations };
      const body = isReady ? state : { status: "not ready", problems };
      answerJson(request, response, { status: isReady ? 200 : 503, body });
      return true;
    }
    default:
      return false;
  }
}

/** The 404 of a path that nothing serves. */
export function answerNotFound(request: NodeRequest, response: NodeResponse): void {
  const message = `nothing is served at ${request.method} ${pathOf(request)}; methods are at POST /sluice.v1.<Service>/<Method>`;
  answerJson(request, response, { status: 404, body: { code: "not_found", message } });
}
