import { decodeCrc32 } from "./crc32.ts";
import { S3Error } from "./s3-error.ts";

/** The promises of a request's headers about its body; all of them are checked when the body is read. */
export interface PayloadPlan {
  readonly framing: "identity" | "aws-chunked";
  /** The payload's length without framing. */
  readonly sizeBytes: number;
  /** Hex, when the signature covers the payload. */
  readonly sha256: string | undefined;
  /** Base64, from Content-MD5. */
  readonly md5: string | undefined;
  /** The CRC32 that the header declares. */
  readonly crc32: number | undefined;
  /** Whether the CRC32 comes in the trailer instead. */
  readonly crc32InTrailer: boolean;
}

const PUT_MAX_BYTES = 5 * 1024 ** 3;
const CRC32_HEADER = "x-amz-checksum-crc32";
const CHECKSUM_HEADERS_UNSERVED = ["crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5"].map(
  (name) => `x-amz-checksum-${name}`,
);

/**
 * Reads the promises of a body-carrying request.
 * @param payloadHash what was signed: hex SHA-256, `UNSIGNED-PAYLOAD` or `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
 * @throws S3Error `MissingContentLength`, `EntityTooLarge`, `InvalidDigest`, `InvalidRequest`, or `NotImplemented` for
 * signed chunks and for checksum algorithms other than CRC32.
 */
export function readPayloadPlan(headers: ReadonlyMap<string, string>, payloadHash: string): PayloadPlan {
  assertServedChecksums(headers);
  const framing = readFraming(headers, payloadHash);
  const trailer = headers.get("x-amz-trailer")?.toLowerCase();
  const header = headers.get(CRC32_HEADER);
  if (trailer !== undefined && header !== undefined) {
    throw new S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header or trailer");
  }
  return {
    framing,
    sizeBytes: readSize(headers, framing),
    sha256: /^[0-9a-f]{64}$/.test(payloadHash) ? payloadHash : undefined,
    md5: readMd5(headers.get("content-md5")),
    crc32: header === undefined ? undefined : decodeCrc32(header, CRC32_HEADER),
    crc32InTrailer: trailer !== undefined,
  };
}

function assertServedChecksums(headers: ReadonlyMap<string, string>): void {
  const unserved = CHECKSUM_HEADERS_UNSERVED.find((name) => headers.has(name));
  const trailer = headers.get("x-amz-trailer")?.toLowerCase();
  if (unserved !== undefined || (trailer !== undefined && trailer !== CRC32_HEADER)) {
    throw new S3Error(
      "NotImplemented",
      `this development server verifies CRC32 checksums only, not ${unserved ?? trailer}`,
    );
  }
}

function readFraming(headers: ReadonlyMap<string, string>, payloadHash: string): PayloadPlan["framing"] {
  if (payloadHash === "STREAMING-UNSIGNED-PAYLOAD-TRAILER") return "aws-chunked";
  if (payloadHash.startsWith("STREAMING-")) {
    throw new S3Error("NotImplemented", `this development server does not read ${payloadHash}`);
  }
  if (payloadHash !== "UNSIGNED-PAYLOAD" && !/^[0-9a-f]{64}$/.test(payloadHash)) {
    throw new S3Error(
      "InvalidArgument",
      "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a streaming form or a SHA-256",
    );
  }
  if (headers.has("x-amz-trailer")) {
    throw new S3Error("InvalidRequest", "x-amz-trailer needs STREAMING-UNSIGNED-PAYLOAD-TRAILER");
  }
  return "identity";
}

function readSize(headers: ReadonlyMap<string, string>, framing: PayloadPlan["framing"]): number {
  const text = headers.get(framing === "identity" ? "content-length" : "x-amz-decoded-content-length");
  if (text === undefined || !/^\d{1,15}$/.test(text)) {
    throw new S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.");
  }
  const sizeBytes = Number(text);
  if (sizeBytes > PUT_MAX_BYTES) {
    throw new S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
      ProposedSize: text,
      MaxSizeAllowed: String(PUT_MAX_BYTES),
    });
  }
  return sizeBytes;
}

function readMd5(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (Buffer.from(text, "base64").length !== 16) {
    throw new S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.");
  }
  return text;
}
