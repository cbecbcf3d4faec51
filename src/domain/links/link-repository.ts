import type { PathScope } from "../access/path-scope.ts";
import type { CommandIdentity } from "../command-identity.ts";
import type { CommitPosition } from "../commit-position.ts";
import type { Actor } from "../deed.ts";
import type { File } from "../files/file.ts";
import type { Link } from "./link.ts";

/**
 * A link to be made, with the hash of its token. `fileId` names the file that was found at the path: the link is made to
 * the path that this file has by then.
 */
export type NewLink = Pick<
  Link,
  "linkId" | "namespace" | "path" | "generation" | "principal" | "downloadName" | "inline" | "note" | "maxUses"
> & { tokenSha256: Uint8Array; fileId: string; expiry: LinkExpiry };

/** When a link ends: so many milliseconds after it is made, or at a time. Both are judged by the database's clock. */
export type LinkExpiry = { afterMs: number } | { at: Date };

/** Who uses a link. */
export interface LinkVisitor {
  /** An IP address; empty when it is not known. */
  sourceAddress: string;
  userAgent: string;
}

/** What a token opens: the file that may be given out, a link that has ended, or nothing (no link, or no file behind it). */
export type OpenedLink = { kind: "file"; link: Link; file: File } | { kind: "ended" } | { kind: "nothing" };

/** A page of links, the newest first. */
export interface LinkPage {
  links: Link[];
  /** Where the next page goes on; undefined on the last. */
  next: string | undefined;
}

/**
 * Links, in the database. A link follows its file, in the same step that moves the file. A link without a generation
 * follows the live file of its path. A link with a generation also takes the new number that its generation gets when it is
 * restored. Errors: `not_found / LINK_NOT_FOUND`, `invalid_argument / REQUEST_ID_REUSED`, `unavailable /
 * DATABASE_UNAVAILABLE`.
 */
export interface LinkRepository {
  /** The time by the clock that links end by. */
  now(): Promise<Date>;

  /**
   * Makes a link. A repeated identity makes no second link: the first link gets the new token, and the old token becomes
   * worthless, unless the link was used already. `isTokenSet` says whether the link has the new token.
   */
  create(link: NewLink, identity: CommandIdentity): Promise<{ link: Link; isTokenSet: boolean }>;

  /** Ends a link for good; a link that was revoked before stays as it is. */
  revoke(namespace: string, linkId: string, actor: Actor): Promise<Link>;

  /**
   * Links of the files of a scope, or of one path, with ids below `after`; only active ones unless `showEnded`. A page may
   * come back short with a `next` when many links have ended. The page shows the state at `position` or later.
   */
  list(
    namespace: string,
    options: {
      path: string | undefined;
      /** The paths of the links that are listed begin with one of these. */
      scope: PathScope;
      showEnded: boolean;
      limit: number;
      after: string | undefined;
      position?: CommitPosition | undefined;
    },
  ): Promise<LinkPage>;

  /** Returns what a token would open now, and counts no use. */
  peek(tokenSha256: Uint8Array): Promise<OpenedLink>;

  /**
   * Opens a link: counts and records the use in the same step, and forgets uses of the link that are older than its last
   * LINK_LIMITS.usesKept. When two callers race for the last use, one of them gets it.
   */
  use(tokenSha256: Uint8Array, visitor: LinkVisitor): Promise<OpenedLink>;

  /** Removes links that ended by time longer than `olderThanMs` ago, with their uses, at most `limit`; returns how many. */
  forget(options: { olderThanMs: number; limit: number }): Promise<number>;
}
