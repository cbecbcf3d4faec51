import type { Caller } from "../domain/caller.ts";
import type { CommitPosition } from "../domain/commit-position.ts";

/** What a query gets beside its request. */
export interface QueryOptions {
  caller: Caller;
  /** What the answer must have seen, for a caller that has made changes; undefined for one that has not. */
  position?: CommitPosition | undefined;
  signal?: AbortSignal;
}
