import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { answer, type NodeRequest, type NodeResponse, pathOf } from "../rpc/listener/node-messages.ts";
import type { SignInIssuer } from "../rpc/router.ts";
import { isNotModified } from "./requests/conditional-request.ts";
import { RestRefusal } from "./requests/rest-refusal.ts";

/** One document at a path of its own. */
interface Document {
  contentType: string;
  /** The file that holds the document, or the document's text. */
  source: URL | string;
}

const ALLOW = "GET, HEAD, OPTIONS";

/**
 * The page uses no CDN and no inline script, and cannot be framed: a token that is typed into it goes to this service alone. It asks
 * the issuers by which people sign in for tokens, and nobody else.
 */
function toSecurityPolicy(issuers: readonly SignInIssuer[]): string {
  const origins = issuers.flatMap(({ issuer, origins: others }) => [new URL(issuer).origin, ...others]);
  return [
    ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"],
    ...[
      ["connect-src 'self'", ...origins].join(" "),
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ],
  ].join("; ");
}

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

// Without validatorUrl nothing is sent to swagger.io. The token is kept in memory alone, and is gone with the page. The issuers are
// those of this service, so the document that all services share does not name them.
const START = `"use strict";
const read = (url) => fetch(url).then((answer) => answer.json());
Promise.all([read("openapi.json"), read("docs/sign-in.json")]).then(([spec, { issuers }]) => {
  for (const { alias, issuer } of issuers) {
    const openIdConnectUrl = issuer.replace(/\\/$/, "") + "/.well-known/openid-configuration";
    spec.components.securitySchemes[alias] = { type: "openIdConnect", openIdConnectUrl };
    spec.security.push({ [alias]: [] });
  }
  const page = SwaggerUIBundle({
    spec,
    dom_id: "#docs",
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
    oauth2RedirectUrl: new URL("docs/oauth2-redirect.html", location.href).href,
  });
  const [first] = issuers;
  if (first === undefined) return;
  page.initOAuth({
    clientId: first.clientId,
    scopes: first.scopes,
    usePkceWithAuthorizationCodeGrant: true,
    additionalQueryStringParams: first.audience === undefined ? {} : { audience: first.audience },
  });
});
`;

const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";
const DOCUMENTS: readonly (readonly [path: string, document: Document])[] = [
  ["/openapi.json", { contentType: "application/json", source: new URL("../../gen/openapi.json", import.meta.url) }],
  ["/docs", { contentType: HTML, source: PAGE }],
  // The issuer sends the browser back to this page, which hands the code to the page that opened it.
  ["/docs/oauth2-redirect.html", { contentType: HTML, source: packaged("oauth2-redirect.html") }],
  ["/docs/oauth2-redirect.js", { contentType: SCRIPT, source: packaged("oauth2-redirect.js") }],
  ["/docs/start.js", { contentType: SCRIPT, source: START }],
  ["/docs/swagger-ui-bundle.js", { contentType: SCRIPT, source: packaged("swagger-ui-bundle.js") }],
  ["/docs/swagger-ui.css", { contentType: "text/css; charset=utf-8", source: packaged("swagger-ui.css") }],
];

/**
 * Finds the handler of `/openapi.json`, of the page `/docs` that shows it, and of `/docs/sign-in.json`, which says by which issuers
 * people sign in; undefined for any other path. All are open
 * without a token, because nothing of it is secret. Each file is read when it is first asked for, and sent from
 * that one copy.
 */
export function createDocumentation(
  issuers: readonly SignInIssuer[],
): (request: NodeRequest) => ((request: NodeRequest, response: NodeResponse) => Promise<void>) | undefined {
  const policy = toSecurityPolicy(issuers);
  const signIn: Document = { contentType: "application/json", source: JSON.stringify({ issuers }) };
  const documents = new Map<string, Document>([...DOCUMENTS, ["/docs/sign-in.json", signIn]]);
  const read = new Map<Document, Promise<{ bytes: Buffer; etag: string }>>();
  return (wanted) => {
    const document = documents.get(pathOf(wanted));
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
      sendDocument(request, response, { ...(await reading), contentType: document.contentType, policy });
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
  { bytes, etag, contentType, policy }: { bytes: Buffer; etag: string; contentType: string; policy: string },
): void {
  const headers: Record<string, string> = {
    // A cache may keep the document, but must ask for it again each time: the next version of the service has another.
    "cache-control": "public, no-cache",
    etag: `"${etag}"`,
    "content-security-policy": policy,
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
