import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { answer, type NodeRequest, type NodeResponse, pathOf } from "../rpc/listener/node-messages.ts";
import { isNotModified } from "./conditional-request.ts";
import { RestRefusal } from "./rest-refusal.ts";

/** One document at a path of its own. */
interface Document {
  contentType: string;
  /** The file that holds the document, or the document's text. */
  source: URL | string;
}

const ALLOW = "GET, HEAD, OPTIONS";

/** The page uses no CDN and no inline script, and cannot be framed: a token that is typed into it goes to this service alone. */
const SECURITY_POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join("; ");

// URLs are relative, so that the page also works under a proxy's prefix. The empty icon keeps browsers from asking for one.
const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="docs"><noscript>This page needs JavaScript; what it shows is in <a href="openapi.json">openapi.json</a>.</noscript></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
`;

// Without validatorUrl nothing is sent to swagger.io. The token is kept in memory alone, and is gone with the page.
const START = `"use strict";
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
`;

const SCRIPT = "text/javascript; charset=utf-8";
const DOCUMENTS = new Map<string, Document>([
  ["/openapi.json", { contentType: "application/json", source: new URL("../../gen/openapi.json", import.meta.url) }],
  ["/docs", { contentType: "text/html; charset=utf-8", source: PAGE }],
  ["/docs/start.js", { contentType: SCRIPT, source: START }],
  ["/docs/swagger-ui-bundle.js", { contentType: SCRIPT, source: packaged("swagger-ui-bundle.js") }],
  ["/docs/swagger-ui.css", { contentType: "text/css; charset=utf-8", source: packaged("swagger-ui.css") }],
]);

/**
 * Finds the handler of `/openapi.json` and of the page `/docs` that shows it; undefined for any other path. Both are open
 * without a token, because all of it is public in the repository. Each file is read when it is first asked for, and sent from
 * that one copy.
 */
export function createDocumentation(): (
  request: NodeRequest,
) => ((request: NodeRequest, response: NodeResponse) => Promise<void>) | undefined {
  const read = new Map<Document, Promise<{ bytes: Buffer; etag: string }>>();
  return (wanted) => {
    const document = DOCUMENTS.get(pathOf(wanted));
    if (document === undefined) return undefined;
    return async (request, response) => {
      if (request.method === "OPTIONS") {
        answer(response, { status: 204, headers: { allow: ALLOW } });
        return;
      }
      assertRead(request);
      const reading = read.get(document) ?? readDocument(document);
      read.set(document, reading);
      // A file that cannot be read now is read again at the next request.
      reading.catch(() => read.delete(document));
      sendDocument(request, response, { ...(await reading), contentType: document.contentType });
    };
  };
}

function packaged(file: string): URL {
  return new URL(import.meta.resolve(`swagger-ui-dist/${file}`));
}

function assertRead({ method }: NodeRequest): void {
  if (method === "GET" || method === "HEAD") return;
  const message = `${method} is not served here; use ${ALLOW}`;
  throw new RestRefusal("METHOD_NOT_ALLOWED", message, { headers: { allow: ALLOW } });
}

async function readDocument({ source }: Document): Promise<{ bytes: Buffer; etag: string }> {
  const bytes = typeof source === "string" ? Buffer.from(source) : await readFile(source);
  return { bytes, etag: createHash("sha256").update(bytes).digest("base64url") };
}

function sendDocument(
  request: NodeRequest,
  response: NodeResponse,
  { bytes, etag, contentType }: { bytes: Buffer; etag: string; contentType: string },
): void {
  const headers: Record<string, string> = {
    // A cache may keep the document, but must ask for it again each time: the next version of the service has another.
    "cache-control": "public, no-cache",
    etag: `"${etag}"`,
    "content-security-policy": SECURITY_POLICY,
  };
  if (isNotModified(request, { etag })) {
    answer(response, { status: 304, headers });
    return;
  }
  headers["content-type"] = contentType;
  headers["content-length"] = String(bytes.length);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // TypeScript cannot call a union of two overloaded methods; both take bytes.
  const out = response as ServerResponse;
  if (request.method === "HEAD") out.end();
  else out.end(bytes);
}
