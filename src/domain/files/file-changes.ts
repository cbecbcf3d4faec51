import type { CommitPosition } from "../commit-position.ts";

/** A path whose files have changed. */
export interface ChangedPath {
  namespace: string;
  path: string;
}

/** What has changed since the last look. */
export interface FileChanges {
  /** Undefined where that is unknown: at the first look, and where it is more than a look takes. */
  paths: readonly ChangedPath[] | undefined;
  /** All changes at these paths were committed before. */
  position: CommitPosition;
}

/** The changes of files, whichever process made them, from the first call on. */
export interface FileChangeFeed {
  /** Every change is told once by the first look that begins after its commit, however slow its transaction was. */
  look(): Promise<FileChanges>;
}
