import type { FileChanges } from "./file-changes.ts";

/** The other workers of one service: who calls that cannot know which of them answers. */
export interface Siblings {
  /**
   * Resolves when all of them have forgotten what they had of these changes, or after a fifth of a second: one that has not heard
   * by then does not answer anybody either, or hears of it by the feed. Never rejects.
   */
  tell(changes: FileChanges): Promise<void>;
  /** Calls `forget` with what the others tell. Called once. */
  listen(forget: (changes: FileChanges) => void): void;
}
