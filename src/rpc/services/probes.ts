import type { Authenticator } from "../../auth/authenticator.ts";
import type { Caller } from "../../domain/caller.ts";
import { answerJson, type NodeRequest, type NodeResponse, pathOf } from "../listener/node-messages.ts";
import type { ComponentProblem, Readiness } from "./readiness.ts";

/** Namespaces that an answer names with a problem at most, so that probes stay cheap. */
const NAMESPACES_MAX = 100;

/** What probes are answered by. */
export interface ProbeAccess {
  readiness: Readiness;
  authenticate: Authenticator;
  /** Whether the caller may know that there is a namespace of that name. */
  isNamespaceVisible: (caller: Caller, namespace: string) => boolean;
}

/**
 * Answers `/livez` (the process answers) and `/readyz` (the service can do its work: 200, or 503), for probes that speak plain
 * HTTP. "degraded" is 200 too: something is wrong at every replica alike. Both paths are open to everyone, and say which
 * components have a problem, and since when. The problem itself may name a bucket, so only callers with a token see it, with
 * those of the namespaces that they may know. Returns false when the path is another.
 */
export function answerProbe(access: ProbeAccess, request: NodeRequest, response: NodeResponse): boolean {
  switch (pathOf(request)) {
    case "/livez":
      answerJson(request, response, { status: 200, body: { status: "live" } });
      return true;
    case "/readyz":
      answerReadiness(access, request, response);
      return true;
    default:
      return false;
  }
}

function answerReadiness(access: ProbeAccess, request: NodeRequest, response: NodeResponse): void {
  const { isReady, problems, degradations } = access.readiness;
  const wrong = [...problems, ...degradations];
  if (wrong.length === 0) {
    answerJson(request, response, { status: 200, body: { status: "ready" } });
    return;
  }
  findCaller(request, access.authenticate).then((caller) => {
    const status = isReady ? "degraded" : "not ready";
    const shown = wrong.map((one) => show(one, caller, access));
    answerJson(request, response, { status: isReady ? 200 : 503, body: { status, problems: shown } });
  });
}

function show(
  { component, problem, since, namespaces }: ComponentProblem,
  caller: Caller | undefined,
  access: ProbeAccess,
) {
  const open = { component, since: since.toISOString() };
  if (caller === undefined) return open;
  const visible = namespaces
    .filter((namespace) => access.isNamespaceVisible(caller, namespace))
    .slice(0, NAMESPACES_MAX);
  return { ...open, problem, ...(visible.length > 0 && { namespaces: visible }) };
}

/** The caller, when the request has a valid token. A wrong one changes nothing: probes must learn the state of the service. */
async function findCaller({ headers, socket }: NodeRequest, authenticate: Authenticator): Promise<Caller | undefined> {
  if (headers.authorization === undefined) return undefined;
  return await authenticate((name) => String(headers[name] ?? ""), socket.remoteAddress).catch(() => undefined);
}

/** The 404 of a path that nothing serves. */
export function answerNotFound(request: NodeRequest, response: NodeResponse): void {
  const message = `nothing is served at ${request.method} ${pathOf(request)}; methods are at POST /sluice.v1.<Service>/<Method>`;
  answerJson(request, response, { status: 404, body: { code: "not_found", message } });
}
