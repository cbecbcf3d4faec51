import type { NodeRequest, NodeResponse } from "./node-messages.ts";

/** Headers of every answer that a browser could be made to show; an answer that needs another value sets its own. */
const HEADERS: Readonly<Record<string, string>> = {
  // No answer is a page, except those that say so.
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
/** Two years, in seconds, without subdomains: those are not this service's. */
const HSTS = "max-age=63072000";

const NAMES: ReadonlySet<string> = new Set([...Object.keys(HEADERS), "strict-transport-security"]);

/** Whether an answer keeps this header when it becomes the answer to an error. */
export function isSecurityHeader(name: string): boolean {
  return NAMES.has(name);
}

/**
 * Sets the headers by which browsers guard against what others make of an answer, before anything else is set. Answers of gRPC get
 * none: no browser can make such a call, and each has few bytes beside its headers.
 */
export function setSecurityHeaders(request: NodeRequest, response: NodeResponse, { isTls }: { isTls: boolean }): void {
  if (/^application\/grpc(?!-web)/.test(request.headers["content-type"] ?? "")) return;
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  if (isTls) response.setHeader("strict-transport-security", HSTS);
}
