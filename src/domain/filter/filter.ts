import type { SearchWord } from "../files/search-words.ts";

/** The names that a filter may compare, by the kind of their values. */
export interface FilterFields {
  /** What the fields are of, for messages: "File". */
  readonly resource: string;
  readonly text: readonly string[];
  readonly number: readonly string[];
  readonly time: readonly string[];
  readonly flag: readonly string[];
  /** Fields that hold names with values. */
  readonly map: readonly string[];
  /** Whether a term without an operator is text to search for. */
  readonly hasWords: boolean;
}

/** A name of a field that holds text. */
export type TextOf<F extends FilterFields> = F["text"][number];
/** One value of a map. */
export interface EntryOf<F extends FilterFields> {
  map: F["map"][number];
  name: string;
}

/** How two values are compared; text by its bytes. "!=" is a `not` around "=". */
export type Comparison = "=" | "<" | "<=" | ">" | ">=";

/**
 * Says of each thing whether it matches. A comparison with what a thing does not have is false, so that `not` is always
 * the exact opposite.
 */
export type Filter<F extends FilterFields> =
  | { kind: "and" | "or"; of: readonly Filter<F>[] }
  | { kind: "not"; of: Filter<F> }
  | { kind: "number"; field: F["number"][number]; comparison: Comparison; value: number }
  /** Times are compared as the API shows them, in whole milliseconds. */
  | { kind: "time"; field: F["time"][number]; comparison: Comparison; value: Date }
  | { kind: "flag"; field: F["flag"][number]; value: boolean }
  | { kind: "text"; field: TextOf<F> | EntryOf<F>; comparison: Comparison; value: string }
  /** The text is the pieces in this order with any text, or none, between them; at least two. */
  | { kind: "like"; field: TextOf<F> | EntryOf<F>; pieces: readonly string[] }
  /** There is the field: a time, a hash, an entry, a text or map that is not empty, or a flag that is true. */
  | {
      kind: "present";
      field: F["text" | "number" | "time" | "flag" | "map"][number] | EntryOf<F>;
    }
  /** Path and values of metadata together hold all of the words. */
  | { kind: "words"; words: readonly SearchWord[] };
