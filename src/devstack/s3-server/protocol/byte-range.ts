import { S3Error } from "./s3-error.ts";

/** A run of bytes of an object that has some. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads a `Range` header against an object's size, by RFC 9110 section 14.2: a header that is not understood, or that
 * asks for several ranges, is ignored, as S3 does it.
 * @returns undefined for the whole object.
 * @throws S3Error `InvalidRange` when no byte of the object is in the range.
 */
export function parseByteRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (parts === null) return undefined;
  const [, first = "", last = ""] = parts;
  if (first === "" && last === "") return undefined;
  const start = first === "" ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === "" || last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  if (start >= sizeBytes || (first === "" && Number(last) === 0)) {
    throw new S3Error("InvalidRange", "The requested range is not satisfiable", {
      RangeRequested: header ?? "",
      ActualObjectSize: String(sizeBytes),
    });
  }
  return { offset: start, length: end - start + 1 };
}
