import type { PathScope } from "../domain/access/path-scope.ts";
import type { Caller } from "../domain/caller.ts";
import type { CommitPosition } from "../domain/commit-position.ts";

/** Options of a query beside its request. */
export interface QueryOptions {
  caller: Caller;
  /** The answer must have seen this commit position, for a caller that has made changes; undefined for one that has not. */
  position?: CommitPosition | undefined;
  signal?: AbortSignal;
  /** Whether a list of namespaces may show the one of that name; none when left out. */
  isShown?: (namespace: string) => boolean;
  /** The paths that a list may show. */
  scope?: PathScope;
}
