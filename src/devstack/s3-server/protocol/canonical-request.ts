import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { encodeUriStrictly, type RequestTarget } from "./request-target.ts";

/** The parts of a request that SigV4 signs. */
export interface SignedRequest {
  readonly request: Pick<IncomingMessage, "method" | "headersDistinct">;
  readonly target: RequestTarget;
  /** Lower-case names, in the order the client stated. */
  readonly signedHeaders: readonly string[];
  /** The value of `x-amz-content-sha256`, or `UNSIGNED-PAYLOAD` for presigned URLs. */
  readonly payloadHash: string;
}

/**
 * The SHA-256 (hex) of the canonical request, once per plausible canonical path: first the path decoded and encoded
 * again, as the specification has it, then the path as sent, which is what curl signs.
 * Source: "Create a signed AWS API request" in the IAM user guide, with S3's rule that paths are encoded once and
 * never normalised.
 */
export function hashCanonicalRequests(signed: SignedRequest): string[] {
  const { request, target, signedHeaders, payloadHash } = signed;
  // A client states the names, and may state one that every object of JavaScript has.
  const sent = new Map(Object.entries(request.headersDistinct));
  const headers = signedHeaders.map((name) => `${name}:${canonicalValue(sent.get(name))}\n`).join("");
  const paths = new Set([canonicalPath(target), target.rawPath]);
  return [...paths].map((path) =>
    createHash("sha256")
      .update(
        [request.method, path, canonicalQuery(target.query), headers, signedHeaders.join(";"), payloadHash].join("\n"),
      )
      .digest("hex"),
  );
}

function canonicalPath({ rawPath, bucket, key }: RequestTarget): string {
  if (bucket === "") return "/";
  const encodedBucket = `/${encodeUriStrictly(bucket)}`;
  if (key === "") return rawPath.endsWith("/") ? `${encodedBucket}/` : encodedBucket;
  return `${encodedBucket}/${key.split("/").map(encodeUriStrictly).join("/")}`;
}

function canonicalQuery(query: ReadonlyMap<string, string>): string {
  const pairs: string[] = [];
  for (const [name, value] of query) {
    if (name !== "X-Amz-Signature") pairs.push(`${encodeUriStrictly(name)}=${encodeUriStrictly(value)}`);
  }
  return pairs.sort().join("&");
}

function canonicalValue(values: readonly string[] | undefined): string {
  return (values ?? []).map((value) => value.trim().replace(/\s+/g, " ")).join(",");
}
