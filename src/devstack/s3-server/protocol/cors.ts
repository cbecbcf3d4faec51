import type { Answer } from "./exchange.ts";
import { S3Error } from "./s3-error.ts";

const METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"];
const MAX_AGE_SECONDS = 3000;
const EXPOSED = [
  "ETag",
  "Content-Range",
  "x-amz-checksum-crc32",
  "x-amz-checksum-type",
  "x-amz-request-id",
  "x-amz-server-side-encryption",
].join(", ");

/** Which web pages may read answers: origins such as `https://app.example`, or `*`. */
export type CorsOrigins = readonly string[];

/**
 * Answers a preflight request, which carries no signature.
 * @throws S3Error `AccessForbidden` for another origin or method, `InvalidRequest` when it is no preflight.
 */
export function answerPreflight(headers: ReadonlyMap<string, string>, origins: CorsOrigins): Answer {
  const method = headers.get("access-control-request-method");
  if (!headers.has("origin") || method === undefined) {
    throw new S3Error("InvalidRequest", "Insufficient information. Origin request header needed.");
  }
  const allowed = corsHeaders(headers.get("origin"), origins);
  if (allowed === undefined || !METHODS.includes(method)) {
    throw new S3Error("AccessForbidden", "CORSResponse: This CORS request is not allowed.");
  }
  const requested = headers.get("access-control-request-headers");
  return {
    status: 200,
    headers: {
      ...allowed,
      "access-control-allow-methods": METHODS.join(", "),
      "access-control-max-age": String(MAX_AGE_SECONDS),
      ...(requested !== undefined && { "access-control-allow-headers": requested }),
    },
  };
}

/** The headers that let a page of this origin read an answer; undefined when it may not or is no page. */
export function corsHeaders(origin: string | undefined, origins: CorsOrigins): Record<string, string> | undefined {
  if (origin === undefined) return undefined;
  const allowed = origins.find((candidate) => candidate === "*" || candidate === origin);
  if (allowed === undefined) return undefined;
  return {
    "access-control-allow-origin": allowed,
    "access-control-expose-headers": EXPOSED,
    vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
  };
}
