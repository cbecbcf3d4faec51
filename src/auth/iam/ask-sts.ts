import { IDENTITY_QUERY, SERVER_ID_HEADER, type SignedIdentity } from "../../domain/access/iam-token.ts";
import { STS_REGIONS } from "../../domain/access/sts-regions.ts";
import { type FetchLimits, fetchText } from "../fetch-text.ts";

/** Bounds of an answer of STS. Its answers have less than 1 KiB, and come within a second. */
export const STS_LIMITS: FetchLimits = { answerMaxBytes: 16 * 1024, timeoutMs: 5000 };

/** How STS is asked. */
export interface StsOptions {
  /** What callers sign as the header `x-sluice-server-id`. */
  serverId: string;
  /** The address to ask in place of the regions' own, as AWS_ENDPOINT_URL_STS names it; callers sign for its host. */
  endpoint?: string | undefined;
  limits?: FetchLimits | undefined;
}

/** What STS says: who signed; that the signature counts for nothing; or nothing that decides. */
export type StsAnswer =
  | { readonly kind: "identity"; readonly arn: string; readonly account: string }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "undecided"; readonly problem: string };

/** Codes by which STS says that it is asked too often, which says nothing of the signature. */
const THROTTLED = /^(?:Throttling|ThrottlingException|RequestLimitExceeded|TooManyRequestsException)$/;

/**
 * Asks the STS of the region who signed: the service's own request, with the caller's parts in their places. Rejects with an `Error`
 * when STS is away, late, redirects or answers something else than it should; a status of 4xx alone is no such failure. No error
 * quotes the request or the answer.
 */
export async function askSts(signed: SignedIdentity, options: StsOptions): Promise<StsAnswer> {
  const { serverId, endpoint, limits = STS_LIMITS } = options;
  const host = STS_REGIONS.get(signed.region)?.host;
  if (host === undefined) throw new Error("readIamToken lets no such region through");
  const name = `STS of ${signed.region}`;
  const url = `${endpoint ?? `https://${host}`}/?${toQuery(signed)}`;
  const { status, text } = await fetchText(url, { ...limits, name, headers: { [SERVER_ID_HEADER]: serverId } });
  const answer = text === undefined ? undefined : parseJson(text);
  if (status === 200) {
    const identity = toIdentity(answer);
    if (identity !== undefined) return identity;
    throw new Error(`${name} answers with something that names no caller`);
  }
  if (status < 400 || status >= 500) throw new Error(`${name} answers with status ${status}`);
  const code = readPath(answer, ["Error", "Code"]);
  const isVerdict = typeof code === "string" && status !== 408 && status !== 429 && !THROTTLED.test(code);
  return isVerdict
    ? { kind: "refused", code }
    : { kind: "undecided", problem: `${name} answers with status ${status}` };
}

/** The query of the presigned request. Its order says nothing: STS sorts it before it verifies the signature. */
function toQuery(signed: SignedIdentity): string {
  const { accessKeyId, region, date, expiresSeconds, sessionToken, signature } = signed;
  const query = {
    ...IDENTITY_QUERY,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${accessKeyId}/${date.slice(0, 8)}/${region}/sts/aws4_request`,
    "X-Amz-Date": date,
    "X-Amz-Expires": String(expiresSeconds),
    ...(sessionToken !== undefined && { "X-Amz-Security-Token": sessionToken }),
    "X-Amz-SignedHeaders": `host;${SERVER_ID_HEADER}`,
    "X-Amz-Signature": signature,
  };
  return Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
}

function toIdentity(answer: unknown): StsAnswer | undefined {
  const result = readPath(answer, ["GetCallerIdentityResponse", "GetCallerIdentityResult"]);
  const [arn, account] = [readPath(result, ["Arn"]), readPath(result, ["Account"])];
  return typeof arn === "string" && typeof account === "string" ? { kind: "identity", arn, account } : undefined;
}

function readPath(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** Undefined for what is not JSON. The error of JSON.parse would quote the text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
