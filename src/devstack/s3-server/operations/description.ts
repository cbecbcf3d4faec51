import { S3Error } from "../protocol/s3-error.ts";
import type { Description, ObjectRecord } from "../storage/records.ts";

const KEPT_HEADERS = ["cache-control", "content-disposition", "content-encoding", "content-language", "expires"];
const METADATA_PREFIX = "x-amz-meta-";
const METADATA_MAX_BYTES = 2048;
const OVERRIDES = ["content-type", ...KEPT_HEADERS].map((name) => ({ name, parameter: `response-${name}` }));
/** Headers that would change what is stored in ways this server has not; ignoring them would be a lie. */
const UNSERVED = [
  "x-amz-tagging",
  "x-amz-object-lock-mode",
  "x-amz-object-lock-legal-hold",
  "x-amz-write-offset-bytes",
];

/** Every object is encrypted like this in S3, so answers say it of every object. */
export const ENCRYPTION_HEADERS = { "x-amz-server-side-encryption": "AES256" } as const;

/**
 * Reads what a write says about its object, and that it asks for nothing this server has not.
 * @throws S3Error `MetadataTooLarge` above 2 KiB, `NotImplemented`, `InvalidArgument` for an unknown encryption.
 */
export function readDescription(headers: ReadonlyMap<string, string>): Description {
  assertEncryption(headers);
  const unserved = UNSERVED.find((name) => headers.has(name));
  if (unserved !== undefined || (headers.get("x-amz-storage-class") ?? "STANDARD") !== "STANDARD") {
    throw new S3Error("NotImplemented", `this development server has no ${unserved ?? "x-amz-storage-class"}`);
  }
  const kept: Record<string, string> = { "content-type": headers.get("content-type") || "binary/octet-stream" };
  for (const name of KEPT_HEADERS) {
    const value = name === "content-encoding" ? storedEncoding(headers.get(name)) : headers.get(name);
    if (value !== undefined) kept[name] = value;
  }
  const metadata: Record<string, string> = {};
  let metadataBytes = 0;
  for (const [name, value] of headers) {
    if (!name.startsWith(METADATA_PREFIX)) continue;
    metadata[name.slice(METADATA_PREFIX.length)] = value;
    metadataBytes += name.length - METADATA_PREFIX.length + Buffer.byteLength(value);
  }
  if (metadataBytes > METADATA_MAX_BYTES) {
    throw new S3Error("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", {
      Size: String(metadataBytes),
      MaxSizeAllowed: String(METADATA_MAX_BYTES),
    });
  }
  return { headers: kept, metadata };
}

/** Which version of a key it is, where the bucket keeps some. */
export function versionHeaders({ versionId }: Pick<ObjectRecord, "versionId">): Record<string, string> {
  return versionId === undefined ? {} : { "x-amz-version-id": versionId };
}

/** The headers that describe an object to a reader, without its length. */
export function describeObject(object: ObjectRecord): Record<string, string> {
  const headers: Record<string, string> = {
    ...object.description.headers,
    ...ENCRYPTION_HEADERS,
    etag: object.etag,
    "last-modified": new Date(object.lastModified).toUTCString(),
    "accept-ranges": "bytes",
    ...versionHeaders(object),
  };
  for (const [name, value] of Object.entries(object.description.metadata)) headers[METADATA_PREFIX + name] = value;
  return headers;
}

/**
 * The headers that a reader asked to be answered with instead of the stored ones.
 * @throws S3Error `InvalidArgument` for what no HTTP header can hold.
 */
export function readOverrides(query: ReadonlyMap<string, string>): Record<string, string> {
  const overrides: Record<string, string> = {};
  for (const { name, parameter } of OVERRIDES) {
    const value = query.get(parameter);
    if (value === undefined) continue;
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new S3Error("InvalidArgument", "Header value cannot be represented using ISO-8859-1.", {
        ArgumentName: parameter,
      });
    }
    overrides[name] = value;
  }
  return overrides;
}

function assertEncryption(headers: ReadonlyMap<string, string>): void {
  if ([...headers.keys()].some((name) => name.startsWith("x-amz-server-side-encryption-"))) {
    throw new S3Error("NotImplemented", "this development server knows SSE-S3 only, no customer or KMS keys");
  }
  const method = headers.get("x-amz-server-side-encryption") ?? "AES256";
  if (method === "AES256") return;
  if (method.startsWith("aws:")) throw new S3Error("NotImplemented", `this development server has no ${method}`);
  throw new S3Error("InvalidArgument", "The encryption method specified is not supported", {
    ArgumentName: "x-amz-server-side-encryption",
    ArgumentValue: method,
  });
}

/** `aws-chunked` is how the body travelled, not what it is. */
function storedEncoding(header: string | undefined): string | undefined {
  const codings = (header ?? "").split(",").map((coding) => coding.trim());
  return codings.filter((coding) => coding !== "" && coding !== "aws-chunked").join(",") || undefined;
}
