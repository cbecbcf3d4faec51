import { DomainError } from "../errors.ts";
import { filePurged } from "../repository-refusals.ts";
import type { File } from "./file.ts";

/**
 * Returns the file if its bytes may be given out. A deleted file is found by its generation, but not read, streamed or
 * signed until it is restored: `not_found / FILE_NOT_FOUND`. A superseded generation stays readable until it is purged; a
 * purged one is `failed_precondition / FILE_PURGED`.
 */
export function requireReadable(file: File): File {
  const { namespace, path, generation } = file;
  if (file.purgeState !== undefined) throw filePurged(path, generation);
  if (file.deleteTime === undefined) return file;
  throw new DomainError("not_found", `generation ${generation} of "${path}" is deleted; restore it first`, {
    reason: "FILE_NOT_FOUND",
    details: { namespace, path, generation },
  });
}
