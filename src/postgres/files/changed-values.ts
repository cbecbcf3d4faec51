import type { FileChange } from "../../domain/files/file-repository.ts";
import { toJson } from "../rows/journal-rows.ts";

/** The names that the API gives to what a caller may change of a file. */
const FIELDS = {
  contentType: "content_type",
  metadata: "metadata",
  labels: "labels",
  dataSubject: "data_subject",
  legalHold: "legal_hold",
  retainUntilTime: "retain_until_time",
} as const satisfies Record<keyof FileChange, string>;

/** The values of a file that a change makes others, before and after, for the journal. */
export function toChangedValues(before: FileChange, after: FileChange) {
  const names = Object.keys(FIELDS) as (keyof FileChange)[];
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  const pick = (values: FileChange) =>
    Object.fromEntries(changed.map((name) => [FIELDS[name], values[name] ?? null] as const));
  return { before: toJson(pick(before)), after: toJson(pick(after)) };
}
