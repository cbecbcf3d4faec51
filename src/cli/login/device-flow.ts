import { setTimeout as delay } from "node:timers/promises";
import { UsageError } from "../terminal/exit-code.ts";
import type { Login } from "./login-file.ts";

/*
 * Signing in from a program without a browser: the OAuth 2.0 device flow (RFC 8628), and refresh tokens (RFC 6749, 6).
 */

/** An issuer by which people sign in to a service, as the service tells it. */
export interface SignInIssuer {
  alias: string;
  issuer: string;
  clientId: string;
  scopes: readonly string[];
  /** Sent as the parameter `audience`, which some issuers need. */
  audience?: string | undefined;
}

/** What the user is to do: open the URL and enter the code there. */
export interface DevicePrompt {
  url: string;
  code: string;
}

const GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** Time for one answer of the issuer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;
/** RFC 8628, 3.2 and 3.5: the time between two questions when the issuer names none, and what "slow_down" adds, in seconds. */
const INTERVAL_SECONDS = 5;
const SLOW_DOWN_SECONDS = 5;
/** Longest wait for the user, in seconds, whatever the issuer says. */
const WAIT_MAX_SECONDS = 1800;
/** Life of a token that does not say how long it lives, in seconds. */
const LIFETIME_SECONDS = 300;

/** Signs a user in; `prompt` tells them what to do. Rejects with a sentence when the issuer or the user refuses. */
export async function signInByDevice(
  { issuer, clientId, scopes, audience }: SignInIssuer,
  { prompt, signal }: { prompt: (told: DevicePrompt) => void; signal: AbortSignal },
): Promise<Login> {
  const endpoints = await discover(issuer, signal);
  if (endpoints.device === undefined) {
    throw new Error(`${issuer} has no device flow; sign in elsewhere, and set SLUICE_TOKEN_FILE`);
  }
  const client = { client_id: clientId, scope: scopes.join(" "), ...(audience !== undefined && { audience }) };
  const begun = await post(endpoints.device, client, signal);
  const {
    device_code: deviceCode,
    user_code: code,
    verification_uri: plain,
    verification_uri_complete: whole,
  } = begun.body;
  if (!begun.isOk || typeof deviceCode !== "string") throw refusedBy(issuer, begun.body);
  prompt({ url: String(whole ?? plain), code: String(code) });
  let intervalSeconds = Number(begun.body.interval ?? INTERVAL_SECONDS);
  const endsAt = Date.now() + Math.min(Number(begun.body.expires_in ?? WAIT_MAX_SECONDS), WAIT_MAX_SECONDS) * 1000;
  while (Date.now() < endsAt) {
    await delay(intervalSeconds * 1000, undefined, { signal });
    const answer = await post(
      endpoints.token,
      { client_id: clientId, device_code: deviceCode, grant_type: GRANT },
      signal,
    );
    if (answer.isOk) return toLogin(answer.body, { tokenUrl: endpoints.token, clientId });
    if (answer.body.error === "slow_down") intervalSeconds += SLOW_DOWN_SECONDS;
    else if (answer.body.error !== "authorization_pending") throw refusedBy(issuer, answer.body);
  }
  throw new Error("nobody signed in before the code expired; run `sluice login` again");
}

/** A login with a new token. Undefined when the issuer refuses the refresh token: the user must sign in again. */
export async function renewLogin(login: Login, signal: AbortSignal): Promise<Login | undefined> {
  const { tokenUrl, clientId, refreshToken } = login;
  if (refreshToken === undefined) return undefined;
  const form = { client_id: clientId, refresh_token: refreshToken, grant_type: "refresh_token" };
  const { isOk, body } = await post(tokenUrl, form, signal);
  return isOk ? toLogin({ refresh_token: refreshToken, ...body }, { tokenUrl, clientId }) : undefined;
}

async function discover(issuer: string, signal: AbortSignal): Promise<{ device: string | undefined; token: string }> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const { body, isOk } = await ask(url, { signal });
  const { token_endpoint: token, device_authorization_endpoint: device } = body;
  if (!isOk || body.issuer !== issuer || typeof token !== "string")
    throw new Error(`${url} does not describe ${issuer}`);
  for (const endpoint of [token, device]) {
    if (endpoint === undefined || isAsSafe(String(endpoint), issuer)) continue;
    throw new Error(`${url} names ${endpoint}, which is reached without TLS`);
  }
  return { token, device: typeof device === "string" ? device : undefined };
}

function isAsSafe(endpoint: string, issuer: string): boolean {
  const { protocol, host } = new URL(endpoint);
  return protocol === "https:" || (issuer.startsWith("http:") && host === new URL(issuer).host);
}

function toLogin(body: Answer["body"], client: Pick<Login, "tokenUrl" | "clientId">): Login {
  const { access_token: access, id_token: id, refresh_token: refreshToken, expires_in: seconds } = body;
  // Some issuers give access tokens that only they can read; their identity tokens are JWTs always.
  const token = [access, id].find((one) => typeof one === "string" && one.split(".").length === 3);
  if (token === undefined)
    throw new Error("the issuer gave no token that a service can verify; ask for one of its audience");
  return {
    ...client,
    token: token as string,
    expiresAt: Date.now() + Number(seconds ?? LIFETIME_SECONDS) * 1000,
    refreshToken: typeof refreshToken === "string" ? refreshToken : undefined,
  };
}

interface Answer {
  isOk: boolean;
  body: Readonly<Record<string, unknown>>;
}

async function post(url: string, form: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
  return await ask(url, { method: "POST", body: new URLSearchParams(form), signal });
}

/** Asks for JSON. No redirect is followed: a code or a token would go along with it. */
async function ask(url: string, { signal, ...init }: RequestInit & { signal: AbortSignal }): Promise<Answer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  try {
    const answer = await fetch(url, {
      ...init,
      redirect: "error",
      headers: { accept: "application/json" },
      signal: limit,
    });
    const body: unknown = await answer.json().catch(() => ({}));
    return { isOk: answer.ok, body: typeof body === "object" && body !== null ? (body as Answer["body"]) : {} };
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${url} does not answer as an issuer would: ${(error as Error).message}`, { cause: error });
  }
}

function refusedBy(issuer: string, { error, error_description: why }: Answer["body"]): Error {
  return new UsageError(`${issuer} refuses the sign-in: ${String(why ?? error ?? "without a reason")}`);
}
