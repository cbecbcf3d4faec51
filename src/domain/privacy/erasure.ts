import type { Actor } from "../deed.ts";
import type { File } from "../files/file.ts";

/** What is erased of: the kinds of resources that can be about a person. */
export type ErasedKind = "file" | "upload" | "link";

/** The erasure of a person in a namespace, and what has become of it. */
export interface Erasure {
  erasureId: string;
  namespace: string;
  /** Who asked for it. */
  actor: Actor;
  /** Whom it is about; "" once it has ended, and of one that is done again after a restore. */
  dataSubject: string;
  createTime: Date;
  /** Undefined while it runs. */
  endTime: Date | undefined;
  filesErased: number;
  uploadsErased: number;
  linksErased: number;
  /** Entries of the journal whose personal parts were deleted. */
  entriesRedacted: number;
  /** Generations that a legal hold or storage keeps: they are left as they are. */
  filesHeld: number;
  /** UUIDs of some of them. */
  heldFileIds: string[];
}

/** Files of an erasure that are reported by their ids. */
export const HELD_FILES_TOLD_MAX = 100;

/** An entry of the journal by its key. The time is the database's text: a Date would lose microseconds. */
export type EntryKey = [time: string, entryId: string];

/**
 * What S3 keeps of one step of an erasure, so that a database that was restored from before it is erased again: ids alone, no name. It is
 * written before the database forgets anything.
 */
export interface ErasureNote {
  erasureId: string;
  namespace: string;
  kind: ErasedKind | "entry";
  ids: string[];
  /** Of entries: their times, in the order of their ids. */
  times: string[];
}

/** Where a namespace keeps the notes of its erasures in its bucket: no file has such a key. */
export function toErasurePrefix({ keyPrefix }: { keyPrefix: string }): string {
  return `${keyPrefix}erasures/`;
}

/**
 * Erasures in the database. Each step can be repeated, and finds what is left of it. Errors: `unavailable / DATABASE_UNAVAILABLE`,
 * `invalid_argument / REQUEST_ID_REUSED`.
 */
export interface ErasureRepository {
  /**
   * Begins an erasure, or returns the one of the same principal and request id. REQUEST_ID_REUSED when that one runs for another
   * person; of one that has ended nobody knows for whom it was.
   */
  begin(erasure: {
    erasureId: string;
    namespace: string;
    dataSubject: string;
    requestId: string;
    actor: Actor;
  }): Promise<Erasure>;

  get(namespace: string, erasureId: string): Promise<Erasure>;

  /**
   * Erasures of a namespace by a person's name that have not ended, and those that ended within the hour: entries of reads are written late.
   * At most `limit`. The ids of what earlier ones have erased are forgotten.
   */
  listRunning(namespace: string, limit: number): Promise<Erasure[]>;

  /**
   * Those of these ids that the database does not know, because it was restored from before them, or that are being done again and have
   * not ended.
   */
  findUndone(namespace: string, erasureIds: readonly string[]): Promise<string[]>;

  /**
   * Notes the next files or uploads about the person as found, by their ids, behind `after` ("" for the first); returns the `after` of the
   * next call, "" when there are no more.
   */
  discover(erasure: Erasure, kind: "file" | "upload", after: string): Promise<string>;

  /** Notes these as found: what the note of an earlier erasure names. */
  add(erasure: Erasure, kind: ErasedKind, ids: readonly string[]): Promise<void>;

  /** Ids of what is found and not done yet, at most `limit`. */
  listFound(erasure: Erasure, kind: ErasedKind, limit: number): Promise<string[]>;

  /**
   * Marks files as `purging`, live ones too, whatever retains them but a legal hold; notes those under one as held. Returns the others,
   * also those that were purged before.
   */
  beginFiles(erasure: Erasure, fileIds: readonly string[]): Promise<File[]>;

  /** Notes files whose bytes storage does not delete as held. */
  holdFiles(erasure: Erasure, fileIds: readonly string[]): Promise<void>;

  /**
   * Forgets what rows say of purged files: their paths, their uploads, the links to them and the requests that made them. Links are noted
   * as erased.
   */
  endFiles(erasure: Erasure, fileIds: readonly string[]): Promise<void>;

  /** The same of uploads that have ended; those of held files are held. Uploads that have not ended stay found. */
  endUploads(erasure: Erasure, uploadIds: readonly string[]): Promise<void>;

  /** Entries about the person, or about what was erased, that have a personal part; none about held files. At most `limit`. */
  listEntries(erasure: Erasure, limit: number): Promise<EntryKey[]>;

  /** Deletes the personal parts of at most 1,000 entries, and enters which those were. */
  redact(erasure: Erasure, entries: readonly EntryKey[]): Promise<void>;

  /** Ends an erasure of which nothing is found that is not done: the name goes, and an entry tells what was done. */
  end(erasure: Erasure): Promise<Erasure>;
}
