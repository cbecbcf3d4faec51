import type { Caller } from "../domain/caller.ts";
import type { Position } from "../domain/position.ts";

/** What a query gets beside its request. */
export interface QueryOptions {
  caller: Caller;
  /** What the answer must have seen, for a caller that has made changes; undefined for one that has not. */
  position?: Position | undefined;
  signal?: AbortSignal;
}
