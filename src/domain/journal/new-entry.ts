import type { Actor } from "../deed.ts";
import type { Resource } from "./journal-entry.ts";

/** Longest path that an entry says, in characters: a request may hold any text, a path that exists is shorter. */
export const ENTRY_PATH_MAX_CHARACTERS = 1024;

/** Something that happened and changed nothing: a read, a denial, a failure. Changes write their entries in their own statements. */
export interface NewEntry {
  /** Empty: of the service as a whole. */
  readonly namespace: string;
  /** The name of the method, for instance "GetFile". */
  readonly action: string;
  /** "done", or the reason why it was refused or failed. */
  readonly outcome: string;
  readonly resource: Resource;
  readonly actor: Actor;
  /** At most ENTRY_PATH_MAX_CHARACTERS. */
  readonly path: string;
  readonly dataSubject: string;
  /** When it happened, or the first of what the entry sums, by the clock of this host. */
  readonly time: Date;
  /** How often it happened, from 1. */
  readonly times: number;
}

/** How an entry is recorded. */
export interface RecordOptions {
  /** Whether entries of the same kind become one within ten seconds. */
  readonly isSummed: boolean;
  /** Whether the answer waits until its entry is committed. */
  readonly isRequired: boolean;
}

/**
 * Records an entry. Undefined when nobody has to wait; otherwise it resolves when the entry is committed, and rejects with
 * `unavailable / AUDIT_UNAVAILABLE` when that cannot be.
 */
export type RecordEntry = (entry: NewEntry, options: RecordOptions) => Promise<void> | undefined;

/** Writes entries into the journal. */
export interface JournalWriter {
  /**
   * Writes all of these entries, or none. Rejects with `unavailable` (`DATABASE_UNAVAILABLE`, `DATABASE_FULL`) when that may work
   * later, within five seconds; any other error is the fault of one of the entries.
   */
  enter(entries: readonly NewEntry[]): Promise<void>;
}
