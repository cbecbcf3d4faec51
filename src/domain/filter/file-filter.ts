import type { EntryOf, Filter, TextOf } from "./filter.ts";
import { parseFilter } from "./parse-filter.ts";

/** Fields of a file that hold text, by their names in the API. `sha256` is in hex. */
export const TEXT_FIELDS = [
  ...(["namespace", "path", "file_id", "sha256", "content_type", "bucket", "region", "s3_key"] as const),
  ...(["s3_version_id", "s3_etag", "etag", "data_subject"] as const),
] as const;

/** Fields of a file that hold whole numbers. */
export const NUMBER_FIELDS = ["generation", "size_bytes", "crc32", "metageneration"] as const;

/** Fields of a file that hold times. */
export const TIME_FIELDS = [
  ...(["create_time", "update_time", "delete_time", "purge_time", "supersede_time"] as const),
  "retain_until_time",
] as const;

/** Fields of a file that are true or false. */
export const FLAG_FIELDS = ["legal_hold", "legal_hold_in_storage", "purged"] as const;

/** Fields of a file that hold names with values. */
export const MAP_FIELDS = ["labels", "metadata"] as const;

/** The fields of a file. */
export const FILE_FIELDS = {
  resource: "File",
  text: TEXT_FIELDS,
  number: NUMBER_FIELDS,
  time: TIME_FIELDS,
  flag: FLAG_FIELDS,
  map: MAP_FIELDS,
  hasWords: true,
} as const;

/** A field that holds text. */
export type TextField = TextOf<typeof FILE_FIELDS>;
/** A field that holds a whole number. */
export type NumberField = (typeof NUMBER_FIELDS)[number];
/** A field that holds a time. */
export type TimeField = (typeof TIME_FIELDS)[number];
/** A field that is true or false. */
export type FlagField = (typeof FLAG_FIELDS)[number];
/** One value of a map. */
export type MapEntry = EntryOf<typeof FILE_FIELDS>;

/** Says of each file whether it matches. */
export type FileFilter = Filter<typeof FILE_FIELDS>;

/** Parses a filter of files; undefined for one that is empty. Errors: `invalid_argument / FILTER_INVALID` with the column. */
export function parseFileFilter(filter: string): FileFilter | undefined {
  return parseFilter(filter, FILE_FIELDS);
}
