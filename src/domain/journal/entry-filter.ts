import type { Filter } from "../filter/filter.ts";

/** The fields of an entry that a filter may compare, by their names in the API. */
export const ENTRY_FIELDS = {
  resource: "AuditEntry",
  text: [
    "entry_id",
    "action",
    "outcome",
    "actor",
    "session",
    "address",
    "path",
    "source_path",
    "data_subject",
    "resource_kind",
    "resource_id",
    "token_kind",
    "token_id",
    "request_id",
    "trace_id",
  ],
  number: ["sequence", "generation", "times"],
  time: ["time", "first_time"],
  flag: [],
  map: [],
  hasWords: false,
} as const;

/** Says of each entry whether it matches. What is erased of an entry matches nothing. */
export type EntryFilter = Filter<typeof ENTRY_FIELDS>;
