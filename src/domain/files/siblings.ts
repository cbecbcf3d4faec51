import type { FileChanges } from "./file-changes.ts";

/** The other workers of one service; a caller cannot know which worker answers. */
export interface Siblings {
  /**
   * Resolves when all other workers have forgotten the files that have changed, or after a fifth of a second: a worker that
   * has not heard by then does not answer callers either, or hears of the changes by the feed. Never rejects.
   */
  tell(changes: FileChanges): Promise<void>;
  /** Calls `forget` with the changes that other workers tell. May be called once. */
  listen(forget: (changes: FileChanges) => void): void;
}
