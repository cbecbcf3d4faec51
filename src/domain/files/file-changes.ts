import type { CommitPosition } from "../commit-position.ts";

/** A path whose files have changed. */
export interface ChangedPath {
  namespace: string;
  path: string;
}

/** What has changed since the last poll. */
export interface FileChanges {
  /** Undefined where that is unknown: at the first poll, and where it is more than a poll takes. */
  paths: readonly ChangedPath[] | undefined;
  /** All changes at these paths were committed before. */
  position: CommitPosition;
}

/** The changes of files, whichever process made them, from the first call on. */
export interface FileChangeFeed {
  /** Every change is told once by the first poll that begins after its commit, however slow its transaction was. */
  poll(): Promise<FileChanges>;
}
