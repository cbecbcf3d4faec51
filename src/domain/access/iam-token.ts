/*
 * A caller of an AWS role proves who it is by a signature over one request, GetCallerIdentity, for one service. The token holds the
 * parts of that request that differ from caller to caller, and nothing else. The service puts the request together itself: a URL, a
 * host or a header of the caller's is never sent anywhere. The scope of the signature follows from date and region, so it is not
 * carried.
 */

/** The parts of a signed request that differ from caller to caller. */
export interface SignedIdentity {
  readonly accessKeyId: string;
  /** The region whose STS is to be asked. */
  readonly region: string;
  /** When it was signed: `YYYYMMDDTHHMMSSZ`. */
  readonly date: string;
  /** For how many seconds from then the signature is to count. */
  readonly expiresSeconds: number;
  /** SHA-256 in hexadecimal. */
  readonly signature: string;
  /** Undefined for the long-lived keys of a user. */
  readonly sessionToken: string | undefined;
}

/** What both sides take for granted of the request: docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
export const IDENTITY_QUERY = { Action: "GetCallerIdentity", Version: "2011-06-15" } as const;

/** The header that says for which service a caller has signed. It is part of the signature. */
export const SERVER_ID_HEADER = "x-sluice-server-id";

/** How long a token counts at most, in seconds: as long as AWS takes a signature for. */
export const IAM_TOKEN_MAX_SECONDS = 900;

/** Every token begins so. With one dot it has not the form of a JWT, which has two. */
export const IAM_TOKEN_PREFIX = "sluice-iam-v1.";

/** The names of the fields within a token, in their order. */
export const IAM_TOKEN_FIELDS = ["key", "region", "date", "expires", "signature", "session"] as const;

/** Whether a token has the form of an IAM token. */
export function looksLikeIamToken(token: string): boolean {
  return token.startsWith(IAM_TOKEN_PREFIX);
}

/** The token: the prefix, and the fields in base64url. The values have none of the separators, which the reader checks. */
export function writeIamToken(signed: SignedIdentity): string {
  const { accessKeyId, region, date, expiresSeconds, signature, sessionToken } = signed;
  const values = [accessKeyId, region, date, String(expiresSeconds), signature, sessionToken];
  const fields = values.flatMap((value, i) => (value === undefined ? [] : [`${IAM_TOKEN_FIELDS[i]}=${value}`]));
  return `${IAM_TOKEN_PREFIX}${Buffer.from(fields.join("&")).toString("base64url")}`;
}
