import { createPublicKey } from "node:crypto";
import type { JWK } from "jose";
import type { FetchLimits } from "../fetch-text.ts";
import { fetchJson } from "./fetch-json.ts";
import type { IssuerPolicy } from "./issuer-policy.ts";

/** Smallest RSA key whose signatures count, in bits: RFC 7518, 3.3. */
export const RSA_MIN_BITS = 2048;
/** Largest RSA key, in bits: the time of a verification grows with the square of its size. */
export const RSA_MAX_BITS = 8192;

/** Bounds of what an issuer answers. Keys of real issuers have 1 to 20 KiB. */
export const FETCH_LIMITS: FetchLimits = { answerMaxBytes: 256 * 1024, timeoutMs: 5000 };

/** The keys that an issuer has now. */
export interface FetchedKeys {
  /** Public keys that signatures can be verified with. */
  readonly keys: readonly JWK[];
  /** Keys of the answer that cannot be used: of other kinds, for encryption, private, or of unsafe sizes. */
  readonly unusable: number;
}

/**
 * Fetches the keys of an issuer, by its discovery document unless the policy says where they are. Rejects with an `Error` whose
 * sentence says what is wrong with the issuer. An answer that has keys counts, even if none of them can be used.
 */
export async function fetchKeys(
  { issuer, jwksUri }: Pick<IssuerPolicy, "issuer" | "jwksUri">,
  limits: FetchLimits = FETCH_LIMITS,
): Promise<FetchedKeys> {
  const url = jwksUri ?? (await discover(issuer, limits));
  const answer = await fetchJson(url, limits);
  const keys = isObject(answer) ? answer.keys : undefined;
  if (!Array.isArray(keys)) throw new Error(`${url} answers with something that is no JSON Web Key Set`);
  const usable = keys.filter(isUsable);
  return { keys: usable, unusable: keys.length - usable.length };
}

/** The URL of an issuer's keys: OpenID Connect Discovery 1.0, 4. */
async function discover(issuer: string, limits: FetchLimits): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const answer = await fetchJson(url, limits);
  const { issuer: named, jwks_uri: keysUrl } = isObject(answer) ? answer : {};
  if (named !== issuer)
    throw new Error(`${url} is of another issuer; the configured one must be written exactly alike`);
  if (typeof keysUrl !== "string" || !isAsSafe(keysUrl, issuer)) {
    throw new Error(`${url} names no URL of keys (jwks_uri) that begins with https://`);
  }
  return keysUrl;
}

/** Only an issuer that is itself reached without TLS, on this machine, may have its keys there. */
function isAsSafe(keysUrl: string, issuer: string): boolean {
  const url = URL.parse(keysUrl);
  if (url?.protocol === "https:") return true;
  return url !== null && url.protocol === "http:" && url.host === URL.parse(issuer)?.host && issuer.startsWith("http:");
}

function isUsable(key: unknown): key is JWK {
  if (!isObject(key) || "d" in key || "k" in key || (key.use !== undefined && key.use !== "sig")) return false;
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key: key as JWK, format: "jwk" });
    if (asymmetricKeyType !== "rsa") return true;
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    return bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS;
  } catch {
    // Node cannot read such a key: it could verify nothing.
    return false;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
