import type { CommitPosition } from "./commit-position.ts";

/** A caller has made a change, which is before this commit position. */
export interface CallerPosition {
  principal: string;
  position: CommitPosition;
}

/** The other workers of one service; a caller cannot know which worker answers. */
export interface Siblings {
  /**
   * Resolves when all other workers know of the change, or after a fifth of a second: a worker that has not heard by then does
   * not answer callers either. Never rejects.
   */
  tell(change: CallerPosition): Promise<void>;
  /** Calls `hear` with the changes that other workers tell. May be called once. */
  listen(hear: (change: CallerPosition) => void): void;
}
