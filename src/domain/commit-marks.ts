import type { CommitPosition } from "./commit-position.ts";

/** Marks in the database that tell how far a read replica is. Both reject `unavailable / DATABASE_UNAVAILABLE`. */
export interface CommitMarks {
  /** Draws a position that is behind all that was committed before the call. */
  draw(): Promise<CommitPosition>;
  /** Removes marks that newer ones stand for, at most `limit`. */
  forget(options: { limit: number }): Promise<void>;
}
