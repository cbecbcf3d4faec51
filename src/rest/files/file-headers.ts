import { invalidArgument } from "../../domain/errors.ts";
import type { FileDescription } from "../../domain/files/file-description.ts";
import { headerOf, type NodeRequest } from "../../rpc/listener/node-messages.ts";

/** The description of a file in the headers of the PUT that writes it. */
export interface FileHeaders extends FileDescription {
  /** From X-Sluice-Crc32: eight hexadecimal digits. */
  crc32: number | undefined;
  /** From Content-Digest or Repr-Digest (RFC 9530); both are equal for a body that is not encoded. */
  sha256: Uint8Array | undefined;
  /** Whether Want-Repr-Digest asks for sha-256. */
  computeSha256: boolean;
}

const META = "x-sluice-meta-";
const LABEL = "x-sluice-label-";

/**
 * Reads the headers that describe a file: Content-Type, X-Sluice-Meta-NAME, X-Sluice-Label-NAME, X-Sluice-Data-Subject. Names
 * are in lower case, as HTTP/2 has them; values are UTF-8. Throws `invalid_argument` for values of the wrong form. The bounds
 * of the description are checked where it is used.
 */
export function parseFileHeaders(request: NodeRequest): FileHeaders {
  if (headerOf(request, "content-range") !== undefined) {
    const message = "content-range is not taken: a PUT writes the whole file, and parts have routes of their own";
    throw invalidArgument("content-range", message);
  }
  return {
    contentType: headerOf(request, "content-type") ?? "",
    metadata: collect(request, META),
    labels: collect(request, LABEL),
    dataSubject: decode("x-sluice-data-subject", headerOf(request, "x-sluice-data-subject") ?? ""),
    crc32: parseCrc32(request),
    sha256: parseDigest(request, "content-digest") ?? parseDigest(request, "repr-digest"),
    computeSha256: /(?:^|,)\s*sha-256\s*=\s*[1-9]/.test(headerOf(request, "want-repr-digest") ?? ""),
  };
}

/** The CRC32 that X-Sluice-Crc32 declares for the body; undefined when the header was not sent. */
export function parseCrc32(request: NodeRequest): number | undefined {
  const text = headerOf(request, "x-sluice-crc32");
  if (text === undefined) return undefined;
  if (/^[0-9a-f]{8}$/i.test(text)) return Number.parseInt(text, 16);
  throw invalidArgument("x-sluice-crc32", `x-sluice-crc32 is ${quote(text)}; it has eight hexadecimal digits`);
}

function collect(request: NodeRequest, prefix: string): Record<string, string> {
  const names = Object.keys(request.headers).filter((name) => name.startsWith(prefix));
  const entries = names.map((name) => [name.slice(prefix.length), decode(name, headerOf(request, name) ?? "")]);
  return Object.fromEntries(entries);
}

/** Node shows the bytes of a header as Latin-1. */
function decode(name: string, value: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(value, "latin1"));
  } catch {
    throw invalidArgument(name, `${name} is not UTF-8`);
  }
}

/** A SHA-256 digest from a dictionary that may hold other digests. Those are ignored: this service cannot compare them. */
function parseDigest(request: NodeRequest, name: "content-digest" | "repr-digest"): Uint8Array | undefined {
  const text = headerOf(request, name);
  const [, value] = /(?:^|,)\s*sha-256\s*=\s*([^,;]*)/.exec(text ?? "") ?? [];
  if (value === undefined) return undefined;
  const [, base64] = /^:([A-Za-z0-9+/]{43}=):\s*$/.exec(value) ?? [];
  if (base64 !== undefined) return Buffer.from(base64, "base64");
  throw invalidArgument(
    name,
    `${name} is ${quote(text ?? "")}; a SHA-256 is written sha-256=:<44 characters of base64>:`,
  );
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
