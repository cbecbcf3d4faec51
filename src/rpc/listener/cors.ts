import { cors } from "@connectrpc/connect";
import { POSITION_HEADER, STALE_HEADER } from "../../domain/commit-position.ts";
import { answer, type NodeRequest, type NodeResponse } from "./node-messages.ts";

/** How long a browser may keep a preflight's answer, in seconds; browsers cap it at 2 h. */
const PREFLIGHT_MAX_AGE_S = 7200;
/** "*" stands for names that callers choose, X-Sluice-Meta-… and the like; it never covers Authorization. */
const ALLOWED_HEADERS = [...cors.allowedHeaders, "Authorization", "Traceparent", POSITION_HEADER, "*"].join(", ");
const ALLOWED_METHODS = [...new Set([...cors.allowedMethods, "HEAD", "PUT", "PATCH", "DELETE"])].join(", ");
const EXPOSED_HEADERS = [
  ...cors.exposedHeaders,
  ...["Accept-Ranges", "Allow", "Content-Disposition", "Content-Length", "Content-Range", "ETag", "Last-Modified"],
  ...["Location", "Repr-Digest", "Retry-After", "WWW-Authenticate", "X-Sluice-Crc32", POSITION_HEADER, STALE_HEADER],
].join(", ");

/**
 * Cross-origin rules (https://fetch.spec.whatwg.org/#http-cors-protocol) for scripts of the listed origins, such as
 * "https://console.example.com"; "*" allows every origin, which is safe because callers send tokens and not cookies.
 * Sets the headers on the response; true means that it was a preflight and has been answered. Requests of other origins
 * go through without the headers: their browser then hides the answer.
 */
export function createCors(origins: readonly string[]): (request: NodeRequest, response: NodeResponse) => boolean {
  const allowed = new Set(origins);
  return (request, response) => {
    const { origin } = request.headers;
    if (allowed.size === 0 || typeof origin !== "string") return false;
    response.setHeader("Vary", "Origin");
    if (!allowed.has(origin) && !allowed.has("*")) return false;
    response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Access-Control-Expose-Headers", EXPOSED_HEADERS);
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return false;
    const headers = {
      "Access-Control-Allow-Methods": ALLOWED_METHODS,
      "Access-Control-Allow-Headers": ALLOWED_HEADERS,
      "Access-Control-Max-Age": String(PREFLIGHT_MAX_AGE_S),
    };
    answer(response, { status: 204, headers });
    return true;
  };
}
