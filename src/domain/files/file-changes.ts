import type { CommitPosition } from "../commit-position.ts";

/** A path whose files have changed. */
export interface ChangedPath {
  namespace: string;
  path: string;
}

/** The files that have changed since the last poll. */
export interface FileChanges {
  /** Undefined where the paths are unknown: at the first poll, and when more have changed than one poll reads. */
  paths: readonly ChangedPath[] | undefined;
  /** All changes at these paths were committed before. */
  position: CommitPosition;
}

/** The changes of files, whichever process made them, from the first call on. */
export interface FileChangeFeed {
  /** Returns each change once: the first poll that begins after a change's commit has it, however slow its transaction was. */
  poll(): Promise<FileChanges>;
}
