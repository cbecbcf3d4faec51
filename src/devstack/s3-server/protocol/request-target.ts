import { S3Error } from "./s3-error.ts";

/** What the first line of a request points at. Path style only: the bucket is the first segment. */
export interface RequestTarget {
  /** The path as sent, still percent-encoded and never normalised: `..` is an ordinary part of a key. */
  readonly rawPath: string;
  /** Empty for the service itself. */
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  /** Decoded names and values, in the order sent. */
  readonly query: ReadonlyMap<string, string>;
}

const KEY_MAX_BYTES = 1024;

/**
 * Reads the request target.
 * @throws S3Error `InvalidURI` when it is not percent-encoded UTF-8, `KeyTooLongError` for a key over 1,024 bytes.
 */
export function parseRequestTarget(url: string): RequestTarget {
  const mark = url.indexOf("?");
  const rawPath = mark === -1 ? url : url.slice(0, mark);
  if (!rawPath.startsWith("/")) throw new S3Error("InvalidURI", "Couldn't parse the specified URI.");
  const slash = rawPath.indexOf("/", 1);
  const bucket = decode(slash === -1 ? rawPath.slice(1) : rawPath.slice(1, slash));
  const key = slash === -1 ? "" : decode(rawPath.slice(slash + 1));
  assertKeyLength(key);
  return { rawPath, bucket, key, query: parseQuery(mark === -1 ? "" : url.slice(mark + 1)) };
}

/** @throws S3Error `KeyTooLongError` for a key over 1,024 bytes of UTF-8. */
export function assertKeyLength(key: string): void {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes > KEY_MAX_BYTES) {
    throw new S3Error("KeyTooLongError", "Your key is too long", {
      Size: String(sizeBytes),
      MaxSizeAllowed: String(KEY_MAX_BYTES),
    });
  }
}

/**
 * Percent-encodes everything but RFC 3986's unreserved characters, as SigV4 wants it; lone surrogates, which
 * UTF-8 cannot carry, never get here because keys are decoded from UTF-8.
 */
export function encodeUriStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

function parseQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals === -1 ? pair : pair.slice(0, equals);
    const value = equals === -1 ? "" : pair.slice(equals + 1);
    query.set(decode(name.replaceAll("+", " ")), decode(value.replaceAll("+", " ")));
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error("InvalidURI", "Couldn't parse the specified URI.");
  }
}
