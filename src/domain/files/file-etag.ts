import { invalidArgument } from "../errors.ts";
import { etagMismatch } from "../repository-refusals.ts";
import { type File, toFileEtag } from "./file.ts";

/**
 * Checks an etag that a caller names, "" for any: `invalid_argument / ARGUMENT_INVALID` for one with control characters. They
 * are in no etag, and PostgreSQL takes no U+0000.
 */
export function parseEtag(etag: string, field = "etag"): string {
  if (!/\p{Cc}/u.test(etag)) return etag;
  throw invalidArgument(field, `${field} holds a control character; send the etag that the file was read with`);
}

/** `failed_precondition / ETAG_MISMATCH` unless `etag` is "" or the file's. `field` is where the caller sent it. */
export function assertEtag(file: Pick<File, "path" | "fileId" | "metageneration">, etag: string, field = "etag"): void {
  const current = toFileEtag(file);
  if (etag !== "" && etag !== current) throw etagMismatch(file.path, { etag, current, field });
}
