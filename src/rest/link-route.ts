import { toSourceAddress } from "../auth/source-address.ts";
import type { LinkAnswer } from "../commands/links/open-link.ts";
import { DomainError, type ErrorCode } from "../domain/errors.ts";
import { type VisitLimits, VisitorLimits } from "../domain/limits/visitor-limits.ts";
import type { LinkVisitor } from "../domain/links/link-repository.ts";
import { type ErrorLog, noteFailure } from "../rpc/calls/error-interceptor.ts";
import {
  answer,
  headerOf,
  type NodeRequest,
  type NodeRequestListener,
  type NodeResponse,
  pathOf,
} from "../rpc/listener/node-messages.ts";
import { currentCall } from "../telemetry/observed-call.ts";

/** Opens a link for a visitor. Without a visitor it only describes the link. */
export type OpenLink = (token: string, visitor: LinkVisitor | undefined) => Promise<LinkAnswer>;

/** The limits of links. */
export const LINK_VISIT_LIMITS: VisitLimits = {
  // As much work runs as there are connections to the database for it (LINK_CONNECTIONS_MAX). The visitors that may wait are
  // answered within a second.
  work: { runningMax: 2, waitingMax: 500 },
  // A page with two hundred images that are links loads at once; nobody continues at 50 a second by hand.
  rate: { intervalMs: 20, burstMax: 200, callersMax: 10_000 },
};

const ROUTE = "/l/";
/** Failures that pass by themselves, or once an operator has moved a bucket back to where its files may lie. */
const TEMPORARY: Partial<Record<ErrorCode, number>> = {
  unavailable: 503,
  resource_exhausted: 429,
  failed_precondition: 503,
};
/** Headers of every answer, beside those of the listener: no cache and no search engine keeps a URL with a token in it. */
const PRIVATE_HEADERS = {
  "cache-control": "no-store",
  "x-robots-tag": "noindex",
};

/**
 * Serves `/l/<token>`, which needs no other token: GET uses the link and redirects to its file, HEAD describes it. Every
 * other path goes to `serveOther`. Anybody may call both, so both are bounded, in all and by address. Tokens are never
 * logged, and no answer holds one but the redirect itself.
 */
export function createLinkRoute(
  open: OpenLink,
  options: { trustedProxies: number; log: ErrorLog; serveOther: NodeRequestListener; limits?: VisitorLimits },
): NodeRequestListener {
  const { trustedProxies, log, serveOther, limits = new VisitorLimits("uses of links", LINK_VISIT_LIMITS) } = options;
  return (request, response) => {
    const path = pathOf(request);
    if (!path.startsWith(ROUTE)) return serveOther(request, response);
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      const headers = { allow: "GET, HEAD" };
      return answerPage(request, response, { status: 405, text: "A link takes GET and HEAD only.", headers });
    }
    const userAgent = request.headers["user-agent"] ?? "";
    const observed = currentCall();
    if (observed !== undefined) observed.method = "OpenLink";
    const origin = { connectedFrom: request.socket.remoteAddress, forwardedFor: headerOf(request, "x-forwarded-for") };
    const visitor = { sourceAddress: toSourceAddress(origin, trustedProxies), userAgent };
    const signal = watchCaller(response);
    limits
      .run(visitor.sourceAddress, () => open(path.slice(ROUTE.length), method === "GET" ? visitor : undefined), {
        signal,
      })
      .then((given) => give(given, { request, response }))
      .catch((error: unknown) => {
        if (!signal.aborted || error !== signal.reason) answerFailure(error, { request, response, log });
      });
  };
}

/** A signal that aborts when the visitor has gone: a visitor that waits for its turn then gives it up. */
function watchCaller(response: NodeResponse): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => gone.abort(new Error("the caller went away")));
  return gone.signal;
}

function give(given: LinkAnswer, { request, response }: { request: NodeRequest; response: NodeResponse }): void {
  if (given.kind === "redirect") {
    answer(response, { status: 302, headers: { ...PRIVATE_HEADERS, location: given.url, "content-length": "0" } });
  } else if (given.kind === "described") {
    const { contentType, contentDisposition, sizeBytes } = given;
    const described = { "content-type": contentType, "content-disposition": contentDisposition };
    const headers = { ...PRIVATE_HEADERS, ...described, "content-length": String(sizeBytes) };
    answer(response, { status: 200, headers });
  } else {
    const status = given.kind === "ended" ? 410 : 404;
    answerPage(request, response, { status, text: "This link has ended, or there is none." });
  }
}

function answerFailure(
  error: unknown,
  { request, response, log }: { request: NodeRequest; response: NodeResponse; log: ErrorLog },
): void {
  noteFailure(error, { log, method: "OpenLink" });
  const status = error instanceof DomainError ? TEMPORARY[error.code] : undefined;
  if (status === undefined) {
    answerPage(request, response, { status: 500, text: "Something is wrong here." });
    return;
  }
  const headers = { "retry-after": String(Math.ceil(((error as DomainError).retryAfterMs ?? 1000) / 1000)) };
  answerPage(request, response, { status, text: "This does not work right now; try again in a moment.", headers });
}

function answerPage(
  request: NodeRequest,
  response: NodeResponse,
  { status, text, headers = {} }: { status: number; text: string; headers?: Record<string, string> },
): void {
  const page = `<!doctype html><meta charset="utf-8"><title>Link</title><p>${text}</p>\n`;
  const described = { "content-type": "text/html; charset=utf-8", "content-length": String(Buffer.byteLength(page)) };
  const shown = request.method === "HEAD" ? "" : page;
  answer(response, { status, headers: { ...PRIVATE_HEADERS, ...described, ...headers }, text: shown });
}
