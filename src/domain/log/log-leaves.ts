import { createHash } from "node:crypto";

/** What the database knows of the log that is published. */
export interface LogState {
  /** 0 of the first log; the number of the log that an operator has let begin in its place. */
  fork: number;
  /** How many entries the last checkpoint has that was published. */
  published: number;
  /** Why nothing is published at the moment; undefined while all is well. */
  problem: string | undefined;
  /** Entries up to this number have been dropped with their months. One that was never sealed is an entry of 32 zero bytes. */
  droppedThrough: number;
  /** How old the oldest entry is that has a number and is not published, in milliseconds; 0 when there is none. */
  behindMs: number;
}

/** What an entry of the log is made of. */
export interface LeafParts {
  salt: Uint8Array;
  /** JSON of what is not about a person; see docs/audit.md. */
  publicBytes: Uint8Array;
  personalHash: Uint8Array;
  /** What `personalHash` is of; undefined once it is erased, and for who may not see all of it. */
  personal: { salt: Uint8Array; bytes: Uint8Array } | undefined;
}

/** All that proves what an entry said, and where it belongs. */
export interface LeafProof extends LeafParts {
  sequence: number;
  entryId: string;
  /** Paths that the personal part names; "" where there is none. */
  path: string;
  sourcePath: string;
}

/** The leaves of the log in the database. All methods reject with `unavailable / DATABASE_UNAVAILABLE`. */
export interface LogLeaves {
  /** The log that is published, which begins with the first call. */
  begin(): Promise<LogState>;
  /** The same; undefined when none has begun. */
  state(): Promise<LogState | undefined>;
  /** Makes the leaves of at most `limit` entries that have numbers and no leaves yet. `through` is the last entry that has one. */
  seal(options: { limit: number }): Promise<{ sealed: number; through: number }>;
  /** The entries of the log behind number `after` and up to `through` that are kept, in their order. */
  read(options: { after: number; through: number }): Promise<{ sequence: number; entry: Uint8Array }[]>;
  /** Notes how many entries the checkpoint has, and that all is well. */
  notePublished(size: number): Promise<void>;
  noteProblem(problem: string): Promise<void>;
  /** Another log takes the place of that which is published. False when that is not the one before it any more. */
  continueAs(fork: number): Promise<boolean>;
  /** What proves an entry of a namespace, found by its number or its id; undefined when it has no leaf. */
  find(namespace: string, by: { sequence: number } | { entryId: string }): Promise<LeafProof | undefined>;
}

/** The entry of the log: 32 bytes that tell nothing, and that nobody can make of anything else. */
export function toLogEntry({ salt, publicBytes, personalHash }: Omit<LeafParts, "personal">): Uint8Array {
  return createHash("sha256").update(salt).update(publicBytes).update(personalHash).digest();
}

/** What stands in an entry for its personal part. */
export function hashPersonal({ salt, bytes }: { salt: Uint8Array; bytes: Uint8Array }): Uint8Array {
  return createHash("sha256").update(salt).update(bytes).digest();
}
