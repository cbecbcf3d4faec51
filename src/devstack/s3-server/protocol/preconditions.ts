import { S3Error } from "./s3-error.ts";

/** The state of an object that conditions are about. */
export interface Validators {
  /** Quoted. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
}

/** Conditions of a write, checked in the same instant as the write becomes visible. */
export interface WriteConditions {
  readonly mustBeAbsent: boolean;
  /** Quoted. */
  readonly mustMatch: string | undefined;
}

/**
 * Reads `If-None-Match: *` and `If-Match` of a write.
 * @throws S3Error `NotImplemented` for `If-None-Match` with anything but `*`, as S3 answers it.
 */
export function readWriteConditions(headers: ReadonlyMap<string, string>): WriteConditions {
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== undefined && ifNoneMatch !== "*") {
    throw new S3Error("NotImplemented", "If-None-Match of a write takes * only", { Header: "If-None-Match" });
  }
  const ifMatch = headers.get("if-match");
  return { mustBeAbsent: ifNoneMatch === "*", mustMatch: ifMatch === undefined ? undefined : quoteEtag(ifMatch) };
}

/** @throws S3Error `PreconditionFailed`, or `NoSuchKey` when `If-Match` meets no object. */
export function assertWritable(existing: Validators | undefined, conditions: WriteConditions): void {
  if (conditions.mustBeAbsent && existing !== undefined) throw failed("If-None-Match");
  if (conditions.mustMatch === undefined) return;
  if (existing === undefined) throw new S3Error("NoSuchKey", "The specified key does not exist.");
  if (conditions.mustMatch !== "*" && conditions.mustMatch !== existing.etag) throw failed("If-Match");
}

/**
 * Judges the conditional headers of a read by RFC 9110 section 13.2.2; `prefix` is `x-amz-copy-source-` for copies.
 * @throws S3Error `PreconditionFailed`.
 */
export function judgeReadConditions(
  headers: ReadonlyMap<string, string>,
  object: Validators,
  prefix = "",
): "send" | "not-modified" {
  // HTTP dates have whole seconds.
  const modifiedAt = Math.floor(object.lastModified / 1000) * 1000;
  const ifMatch = headers.get(`${prefix}if-match`);
  const unmodifiedSince = Date.parse(headers.get(`${prefix}if-unmodified-since`) ?? "");
  if (ifMatch !== undefined) {
    if (!listsEtag(ifMatch, object.etag)) throw failed("If-Match");
  } else if (modifiedAt > unmodifiedSince) {
    throw failed("If-Unmodified-Since");
  }
  const ifNoneMatch = headers.get(`${prefix}if-none-match`);
  if (ifNoneMatch !== undefined) return listsEtag(ifNoneMatch, object.etag) ? "not-modified" : "send";
  const modifiedSince = Date.parse(headers.get(`${prefix}if-modified-since`) ?? "");
  return modifiedAt <= modifiedSince ? "not-modified" : "send";
}

/** Clients may leave out the quotes of an ETag in XML and headers; S3 takes both. */
export function quoteEtag(etag: string): string {
  return etag === "*" || etag.startsWith('"') ? etag : `"${etag}"`;
}

function listsEtag(list: string, etag: string): boolean {
  return list.split(",").some((entry) => ["*", etag].includes(quoteEtag(entry.trim().replace(/^W\//, ""))));
}

function failed(condition: string): S3Error {
  return new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    Condition: condition,
  });
}
