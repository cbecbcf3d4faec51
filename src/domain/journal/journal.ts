import type { PathScope } from "../access/path-scope.ts";
import type { EntryFilter } from "./entry-filter.ts";
import type { JournalEntry } from "./journal-entry.ts";

/** Gives entries their numbers. */
export interface JournalRelay {
  /**
   * Numbers every entry that has become visible since the last call of anybody, and returns how many those were. Calls at the same time
   * take turns. `unavailable / DATABASE_UNAVAILABLE`.
   */
  numberNew(): Promise<number>;
  /** Makes the partitions of this month and the next ones; returns how many it made. */
  makePartitions(): Promise<number>;
  /**
   * Removes the months of entries that ended longer than `keptDays` ago, 30 at least, and returns how many those were. A month
   * with an entry that has no number stays, and so do one that somebody uses at the moment and, with `onlyPublished`, one with an
   * entry that the audit log's checkpoint does not have: a later call removes it.
   */
  dropPartitions(options: { keptDays: number; onlyPublished?: boolean }): Promise<number>;
}

/** The numbered entries. */
export interface Journal {
  /**
   * The entries of a namespace (of all when undefined) behind `after`, in the order of their numbers, at most `limit`. An entry
   * that has no number yet comes with a later call, never out of order.
   */
  read(options: { namespace?: string | undefined; after: number; limit: number }): Promise<JournalEntry[]>;
  /**
   * The entries of a namespace before `before`, the newest first, at most `limit`, of paths of the scope that match the filter. An entry
   * without a path is of the whole namespace's scope alone. A page may be short or empty although others follow, because reading on would
   * have taken too long; `next` is the `before` of the next page, and undefined on the last.
   */
  list(
    namespace: string,
    query: {
      filter: EntryFilter | undefined;
      scope: PathScope;
      before: number | undefined;
      limit: number;
    },
  ): Promise<{ entries: JournalEntry[]; next: number | undefined }>;
  /**
   * Of the first `limit` entries of a namespace behind `after` and up to `through` those of paths of the scope that match the filter, in
   * the order of their numbers. All entries up to the returned `through` have been looked at; from `first` on all were kept then.
   */
  readMatching(
    namespace: string,
    query: { filter: EntryFilter | undefined; scope: PathScope; after: number; through: number; limit: number },
  ): Promise<{ entries: JournalEntry[]; through: number; first: number }>;
  /** The number of the last entry; 0 when there is none. */
  lastSequence(): Promise<number>;
}
