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
   * with an entry that has no number stays, and so does one that somebody uses at the moment: a later call removes it.
   */
  dropPartitions(options: { keptDays: number }): Promise<number>;
}

/** The numbered entries. */
export interface Journal {
  /**
   * The entries of a namespace (of all when undefined) behind `after`, in the order of their numbers, at most `limit`. An entry
   * that has no number yet comes with a later call, never out of order.
   */
  read(options: { namespace?: string | undefined; after: number; limit: number }): Promise<JournalEntry[]>;
  /** The number of the last entry; 0 when there is none. */
  lastSequence(): Promise<number>;
}
