import type { SearchWord } from "../files/search-words.ts";

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
export const FLAG_FIELDS = ["legal_hold", "purged"] as const;

/** Fields of a file that hold names with values. */
export const MAP_FIELDS = ["labels", "metadata"] as const;

/** A field that holds text. */
export type TextField = (typeof TEXT_FIELDS)[number];
/** A field that holds a whole number. */
export type NumberField = (typeof NUMBER_FIELDS)[number];
/** A field that holds a time. */
export type TimeField = (typeof TIME_FIELDS)[number];
/** A field that is true or false. */
export type FlagField = (typeof FLAG_FIELDS)[number];
/** One value of a map. */
export interface MapEntry {
  map: (typeof MAP_FIELDS)[number];
  name: string;
}

/** How two values are compared; text by its bytes. "!=" is a `not` around "=". */
export type Comparison = "=" | "<" | "<=" | ">" | ">=";

/**
 * Says of each file whether it matches. A comparison with what a file does not have is false, so that `not` is always
 * the exact opposite.
 */
export type FileFilter =
  | { kind: "and" | "or"; of: readonly FileFilter[] }
  | { kind: "not"; of: FileFilter }
  | { kind: "number"; field: NumberField; comparison: Comparison; value: number }
  /** Times are compared as the API shows them, in whole milliseconds. */
  | { kind: "time"; field: TimeField; comparison: Comparison; value: Date }
  | { kind: "flag"; field: FlagField; value: boolean }
  | { kind: "text"; field: TextField | MapEntry; comparison: Comparison; value: string }
  /** The text is the pieces in this order with any text, or none, between them; at least two. */
  | { kind: "like"; field: TextField | MapEntry; pieces: readonly string[] }
  /** The file has the field: a time, a hash, an entry, a text or map that is not empty, or a flag that is true. */
  | { kind: "present"; field: TextField | NumberField | TimeField | FlagField | MapEntry | MapEntry["map"] }
  /** Path and values of metadata together hold all of the words. */
  | { kind: "words"; words: readonly SearchWord[] };
