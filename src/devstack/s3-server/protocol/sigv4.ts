import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { hashCanonicalRequests } from "./canonical-request.ts";
import type { RequestTarget } from "./request-target.ts";
import { S3Error } from "./s3-error.ts";

/*
 * AWS Signature Version 4 for S3, and for other services of tests, from the server's side: by Authorization header or by presigned query.
 * Order of refusals: malformed, unknown key, wrong scope, wrong time, unsigned x-amz-* headers, wrong signature, wrong region.
 */

const ALGORITHM = "AWS4-HMAC-SHA256";
const CLOCK_SKEW_MAX_MS = 15 * 60_000;
const PRESIGNED_LIFETIME_MAX_S = 7 * 24 * 3600;

/** Who may call, where, and what time it is. */
export interface SigningAuthority {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The service that requests are signed for; "s3" when left out. */
  readonly service?: keyof typeof PRESIGNED_PAYLOADS;
  /** Whether the server has an endpoint for the region. */
  readonly servesRegion: (region: string) => boolean;
  /** The server's own region, which requests without a bucket are told. */
  readonly region: string;
  /** The region that a bucket lies in; undefined when there is no such bucket. */
  readonly regionOf: (bucket: string) => string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The header by which S3 says where a bucket lies. */
export const BUCKET_REGION_HEADER = "x-amz-bucket-region";

/** The facts that a verified signature states about the rest of the request. */
export interface VerifiedSignature {
  /** True when the request was authorised by its query. */
  readonly presigned: boolean;
  /** The payload's hash as it was signed: hex, `UNSIGNED-PAYLOAD`, or one of the streaming forms. */
  readonly payloadHash: string;
  /** The region that the request was signed for. */
  readonly region: string;
}

interface Claim extends Omit<VerifiedSignature, "region"> {
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly timestamp: string;
  /** Only of presigned URLs. */
  readonly lifetimeSeconds: number | undefined;
}

/**
 * Verifies the signature of a request, without its body: that the body matches `payloadHash` is for its reader to check.
 * @throws S3Error `AccessDenied`, `InvalidAccessKeyId`, `SignatureDoesNotMatch`, `RequestTimeTooSkewed` or one of the
 * malformed-authorization codes.
 */
export function verifySignature(
  request: IncomingMessage,
  target: RequestTarget,
  authority: SigningAuthority,
): VerifiedSignature {
  const { service: own = "s3" } = authority;
  const claim = request.headers.authorization ? readHeaderClaim(request) : readQueryClaim(target.query, own);
  const scope = claim.credential.split("/");
  const [date, region = "", service, terminator] = scope.slice(-4);
  const accessKeyId = scope.slice(0, -4).join("/");
  if (accessKeyId !== authority.accessKeyId) {
    throw new S3Error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", {
      AWSAccessKeyId: accessKeyId,
    });
  }
  if (!authority.servesRegion(region) || service !== own || terminator !== "aws4_request") {
    const Region = authority.regionOf(target.bucket) ?? authority.region;
    throw malformed(claim, `the credential scope is wrong; expecting '${own}' in '${Region}'`, { Region });
  }
  if (date !== claim.timestamp.slice(0, 8)) throw malformed(claim, "the credential's date is not the request's date");
  assertTime(claim, authority.now());
  assertSignedHeaders(request, claim);
  assertSignature({ request, target, region }, claim, authority);
  return { presigned: claim.presigned, payloadHash: claim.payloadHash, region };
}

/**
 * Refuses a request for a bucket that lies in another region than the request was signed for, as the endpoint of that other
 * region does. A request that is signed for a region without an endpoint here has been refused as malformed before.
 * @throws S3Error `PermanentRedirect`.
 */
export function assertRegion(bucket: string, { signed, actual }: { signed: string; actual: string | undefined }): void {
  if (actual === undefined || signed === actual) return;
  throw new S3Error(
    "PermanentRedirect",
    "The bucket you are attempting to access must be addressed using the specified endpoint.",
    { Bucket: bucket, Endpoint: `${bucket}.s3.${actual}.amazonaws.com` },
    { headers: { [BUCKET_REGION_HEADER]: actual } },
  );
}

function readHeaderClaim(request: IncomingMessage): Claim {
  const header = request.headers.authorization ?? "";
  const fields = new Map<string, string>();
  for (const field of header.slice(ALGORITHM.length).split(",")) {
    const equals = field.indexOf("=");
    fields.set(field.slice(0, equals).trim(), field.slice(equals + 1).trim());
  }
  const [credential, names, signature] = [
    fields.get("Credential"),
    fields.get("SignedHeaders"),
    fields.get("Signature"),
  ];
  if (!header.startsWith(`${ALGORITHM} `) || !credential || !names || !signature) {
    throw new S3Error("AuthorizationHeaderMalformed", `the Authorization header is not a complete ${ALGORITHM} header`);
  }
  const payloadHash = request.headers["x-amz-content-sha256"];
  if (typeof payloadHash !== "string") {
    throw new S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  }
  const timestamp = request.headers["x-amz-date"];
  if (typeof timestamp !== "string" || Number.isNaN(parseTimestamp(timestamp))) {
    throw new S3Error("AccessDenied", "AWS authentication requires a valid x-amz-date header");
  }
  return {
    presigned: false,
    payloadHash,
    credential,
    signature,
    timestamp,
    signedHeaders: names.split(";"),
    lifetimeSeconds: undefined,
  };
}

/** S3 alone leaves the payload of a presigned request unsigned; other services sign that it is empty. */
const EMPTY_PAYLOAD = createHash("sha256").digest("hex");
const PRESIGNED_PAYLOADS = {
  s3: "UNSIGNED-PAYLOAD",
  sts: EMPTY_PAYLOAD,
  xray: EMPTY_PAYLOAD,
  logs: EMPTY_PAYLOAD,
  "rds-db": EMPTY_PAYLOAD,
} as const;

function readQueryClaim(query: ReadonlyMap<string, string>, service: keyof typeof PRESIGNED_PAYLOADS): Claim {
  const algorithm = query.get("X-Amz-Algorithm");
  if (algorithm === undefined) throw new S3Error("AccessDenied", "Access Denied");
  const credential = query.get("X-Amz-Credential");
  const names = query.get("X-Amz-SignedHeaders");
  const signature = query.get("X-Amz-Signature");
  const timestamp = query.get("X-Amz-Date") ?? "";
  const lifetimeSeconds = Number(query.get("X-Amz-Expires") || Number.NaN);
  if (algorithm !== ALGORITHM || !credential || !names || !signature || Number.isNaN(parseTimestamp(timestamp))) {
    throw new S3Error(
      "AuthorizationQueryParametersError",
      "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, " +
        "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
    );
  }
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > PRESIGNED_LIFETIME_MAX_S) {
    throw new S3Error(
      "AuthorizationQueryParametersError",
      `X-Amz-Expires must be between 1 and ${PRESIGNED_LIFETIME_MAX_S} seconds`,
    );
  }
  return {
    presigned: true,
    payloadHash: query.get("X-Amz-Content-Sha256") ?? PRESIGNED_PAYLOADS[service],
    credential,
    signature,
    timestamp,
    signedHeaders: names.split(";"),
    lifetimeSeconds,
  };
}

function malformed(claim: Claim, reason: string, details: { Region?: string } = {}): S3Error {
  const code = claim.presigned ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed";
  const headers = details.Region === undefined ? {} : { [BUCKET_REGION_HEADER]: details.Region };
  return new S3Error(code, `The authorization is malformed: ${reason}`, details, { headers });
}

function assertTime(claim: Claim, now: number): void {
  const signedAt = parseTimestamp(claim.timestamp);
  if (claim.lifetimeSeconds === undefined) {
    if (Math.abs(now - signedAt) <= CLOCK_SKEW_MAX_MS) return;
    throw new S3Error(
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large.",
      {
        RequestTime: claim.timestamp,
        ServerTime: new Date(now).toISOString(),
        MaxAllowedSkewMilliseconds: String(CLOCK_SKEW_MAX_MS),
      },
    );
  }
  if (signedAt > now + CLOCK_SKEW_MAX_MS) throw new S3Error("AccessDenied", "Request is not yet valid");
  const expiresAt = signedAt + claim.lifetimeSeconds * 1000;
  if (now > expiresAt) {
    throw new S3Error("AccessDenied", "Request has expired", {
      "X-Amz-Expires": String(claim.lifetimeSeconds),
      Expires: new Date(expiresAt).toISOString(),
      ServerTime: new Date(now).toISOString(),
    });
  }
}

function assertSignedHeaders(request: IncomingMessage, claim: Claim): void {
  const signed = new Set(claim.signedHeaders);
  // A presigned URL fixes its payload hash in the query, so clients may repeat it as a header.
  if (claim.presigned) signed.add("x-amz-content-sha256");
  const unsigned = Object.keys(request.headers).filter((name) => name.startsWith("x-amz-") && !signed.has(name));
  if (unsigned.length > 0 || !signed.has("host")) {
    throw new S3Error("AccessDenied", "There were headers present in the request which were not signed", {
      HeadersNotSigned: unsigned.join(", ") || "host",
    });
  }
}

function assertSignature(
  { request, target, region }: { request: IncomingMessage; target: RequestTarget; region: string },
  claim: Claim,
  authority: SigningAuthority,
): void {
  const date = claim.timestamp.slice(0, 8);
  const service = authority.service ?? "s3";
  const key = signingKey(authority.secretAccessKey, `${date}/${region}/${service}`);
  const presented = Buffer.from(claim.signature, "hex");
  const { signedHeaders, payloadHash } = claim;
  for (const hash of hashCanonicalRequests({ request, target, signedHeaders, payloadHash })) {
    const scope = `${date}/${region}/${service}/aws4_request`;
    const expected = hmac(key, `${ALGORITHM}\n${claim.timestamp}\n${scope}\n${hash}`);
    if (presented.length === expected.length && timingSafeEqual(presented, expected)) return;
  }
  throw new S3Error(
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    { AWSAccessKeyId: authority.accessKeyId, SignatureProvided: claim.signature },
  );
}

/** The newest keys, by secret, date, region and service. */
const cachedKeys = new Map<string, Buffer>();
/** Some regions on the day before and on this one. */
const CACHED_KEYS_MAX = 16;

// A key changes once a day, so deriving it for every request would be four of the five HMACs of a verification.
function signingKey(secret: string, scope: string): Buffer {
  const name = `${secret}/${scope}`;
  const cached = cachedKeys.get(name);
  if (cached !== undefined) return cached;
  const [date = "", ...rest] = [...scope.split("/"), "aws4_request"];
  const key = rest.reduce(hmac, hmac(`AWS4${secret}`, date));
  cachedKeys.set(name, key);
  const [oldest] = cachedKeys.keys();
  if (cachedKeys.size > CACHED_KEYS_MAX && oldest !== undefined) cachedKeys.delete(oldest);
  return key;
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** Milliseconds of `YYYYMMDDTHHMMSSZ`, or NaN. */
function parseTimestamp(timestamp: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (parts === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
