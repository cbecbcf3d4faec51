import type { FileChange } from "../../domain/files/file-repository.ts";
import { toChangedValues } from "../rows/journal-rows.ts";

/** The values of a file that a change makes others, before and after, by the names that the API gives them. */
export function toChangedFileValues(before: FileChange, after: FileChange) {
  return toChangedValues(toNamed(before), toNamed(after));
}

function toNamed(change: FileChange) {
  return {
    content_type: change.contentType,
    metadata: change.metadata,
    labels: change.labels,
    data_subject: change.dataSubject,
    legal_hold: change.legalHold,
    retain_until_time: change.retainUntilTime,
  };
}
