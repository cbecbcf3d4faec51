import { randomUUID } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { TlsCertificate } from "../tls-certificate.ts";

/** How long tokens of the issuer live, in seconds, unless a test says otherwise. */
const LIFETIME_SECONDS = 600;

/** A key that the issuer signs with. */
export interface IssuerKey {
  kid: string;
  algorithm: string;
  privateKey: CryptoKey;
  publicJwk: JWK;
}

/** What an answer is to be in place of the usual one. */
export type AnswerOverride = (request: IncomingMessage, response: ServerResponse) => void;

/** A token, and what it is made of beside the usual claims. */
export interface TokenOptions {
  key?: IssuerKey;
  header?: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970 at which the token is made. */
  now?: number;
}

/**
 * A small OpenID Connect issuer, over real HTTP: discovery, keys, the device flow (RFC 8628) with refresh tokens, and the code flow
 * with PKCE. Everybody who asks is signed in as `subject`.
 */
export interface OidcIssuer {
  /** The issuer's URL, as in the tokens' `iss`. */
  readonly url: string;
  /** The keys that the issuer publishes, the newest first: it signs with that one. */
  keys: IssuerKey[];
  /** Answers in place of the usual ones, by path. */
  readonly overrides: Map<string, AnswerOverride>;
  /** Requests that came, by path. */
  readonly requests: Map<string, number>;
  /** Who signs in by a flow, and for how many seconds a token of a flow lives. */
  readonly flow: { subject: string; lifetimeSeconds: number; isApproved: boolean };
  /** Access and refresh tokens that flows have given out. */
  readonly issued: string[];
  /** A token of this issuer, as `signToken` makes it, signed by the newest key unless another is given. */
  sign(claims?: Readonly<Record<string, unknown>>, options?: TokenOptions): Promise<string>;
  close(): Promise<void>;
}

/** Makes a key pair for signatures. */
export async function createIssuerKey(algorithm = "ES256"): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, algorithm, privateKey, publicJwk: { ...jwk, kid, alg: algorithm, use: "sig" } };
}

/** Starts the issuer on a free port of this machine, with TLS when there is a certificate. */
export async function startOidcIssuer(
  options: { tls?: TlsCertificate; algorithm?: string; port?: number } = {},
): Promise<OidcIssuer> {
  const server = options.tls === undefined ? createHttpServer() : createHttpsServer(options.tls);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const issuer: OidcIssuer = {
    url,
    keys: [await createIssuerKey(options.algorithm)],
    overrides: new Map(),
    requests: new Map(),
    flow: { subject: "anna", lifetimeSeconds: LIFETIME_SECONDS, isApproved: true },
    issued: [],
    sign: (claims, { key = issuer.keys[0] as IssuerKey, ...signing } = {}) =>
      signToken(key, { iss: url, ...claims }, signing),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const grants = new Grants();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const path = new URL(request.url ?? "", url).pathname;
    issuer.requests.set(path, (issuer.requests.get(path) ?? 0) + 1);
    const override = issuer.overrides.get(path);
    if (override !== undefined) override(request, response);
    else void answerUsually(issuer, grants, { request, response, path });
  });
  return issuer;
}

/**
 * Signs a token that is valid now: `aud` is "sluice" and `sub` is "anna" unless the claims say otherwise; undefined removes a
 * claim.
 */
export async function signToken(
  { kid, algorithm, privateKey }: IssuerKey,
  claims: Readonly<Record<string, unknown>>,
  { header, now = Date.now() }: Omit<TokenOptions, "key"> = {},
): Promise<string> {
  const issuedAt = Math.floor(now / 1000);
  const usual = { sub: "anna", aud: "sluice", iat: issuedAt, exp: issuedAt + LIFETIME_SECONDS };
  const payload = JSON.parse(JSON.stringify({ ...usual, jti: randomUUID(), ...claims }));
  return await new SignJWT(payload).setProtectedHeader({ alg: algorithm, kid, ...header }).sign(privateKey);
}

/** The codes and refresh tokens that wait to be used. */
class Grants {
  readonly devices = new Set<string>();
  readonly refreshes = new Set<string>();
  readonly codes = new Set<string>();
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
}

async function answerUsually(issuer: OidcIssuer, grants: Grants, exchange: Exchange): Promise<void> {
  const { request, response, path } = exchange;
  if (path === "/.well-known/openid-configuration") return answer(response, 200, describe(issuer.url));
  if (path === "/keys") return answer(response, 200, { keys: issuer.keys.map(({ publicJwk }) => publicJwk) });
  if (path === "/authorize") return redirectWithCode(issuer.url, grants, exchange);
  const form = new URLSearchParams(await readBody(request));
  if (path === "/device") {
    const deviceCode = randomUUID();
    grants.devices.add(deviceCode);
    return answer(response, 200, {
      device_code: deviceCode,
      user_code: "WDJB-MJHT",
      verification_uri: `${issuer.url}/activate`,
      expires_in: 600,
      interval: 0,
    });
  }
  if (path === "/token") return await answerToken(issuer, grants, { response, form });
  answer(response, 404, { error: "not_found" });
}

function describe(url: string) {
  return {
    issuer: url,
    jwks_uri: `${url}/keys`,
    authorization_endpoint: `${url}/authorize`,
    device_authorization_endpoint: `${url}/device`,
    token_endpoint: `${url}/token`,
  };
}

/** RFC 6749, 4.1: the browser comes back with a code. */
function redirectWithCode(url: string, grants: Grants, { request, response }: Exchange): void {
  const query = new URL(request.url ?? "", url).searchParams;
  const target = new URL(query.get("redirect_uri") ?? url);
  const code = randomUUID();
  grants.codes.add(code);
  target.searchParams.set("code", code);
  target.searchParams.set("state", query.get("state") ?? "");
  response.writeHead(302, { location: target.href }).end();
}

async function answerToken(
  issuer: OidcIssuer,
  grants: Grants,
  { response, form }: { response: ServerResponse; form: URLSearchParams },
): Promise<void> {
  if (form.get("grant_type") === "urn:ietf:params:oauth:grant-type:device_code" && !issuer.flow.isApproved) {
    return answer(response, 400, { error: "authorization_pending" });
  }
  const isKnown =
    grants.devices.delete(form.get("device_code") ?? "") ||
    grants.refreshes.delete(form.get("refresh_token") ?? "") ||
    grants.codes.delete(form.get("code") ?? "");
  if (!isKnown) return answer(response, 400, { error: "invalid_grant" });
  const { subject, lifetimeSeconds } = issuer.flow;
  const refreshToken = randomUUID();
  grants.refreshes.add(refreshToken);
  const exp = Math.floor(Date.now() / 1000) + lifetimeSeconds;
  const accessToken = await issuer.sign({ sub: subject, exp });
  issuer.issued.push(accessToken, refreshToken);
  answer(response, 200, {
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: "Bearer",
    expires_in: lifetimeSeconds,
  });
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += piece;
  return text;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "access-control-allow-origin": "*" });
  response.end(JSON.stringify(body));
}
