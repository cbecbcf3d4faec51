import type { CommandIdentity } from "../command-identity.ts";
import type { CommitPosition } from "../commit-position.ts";
import type { File } from "../files/file.ts";
import type { Link } from "./link.ts";

/**
 * A link to be made, with the hash of its token. `fileId` is of the file that was found at the path: the link is made to
 * where that is by then.
 */
export type NewLink = Pick<
  Link,
  "linkId" | "namespace" | "path" | "generation" | "principal" | "downloadName" | "inline" | "note" | "maxUses"
> & { tokenSha256: Uint8Array; fileId: string; expiry: LinkExpiry };

/** When a link ends: so many milliseconds after it is made, by the database's clock that judges it; or at a time of it. */
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
 * Links, in the database. A link goes where its file goes, in the step that moves that: one without a generation with the
 * live file of its path, one with a generation also with the number that this gets when it is restored. Errors: `not_found / LINK_NOT_FOUND`, `invalid_argument / REQUEST_ID_REUSED`,
 * `unavailable / DATABASE_UNAVAILABLE`.
 */
export interface LinkRepository {
  /** The time by the clock that links end by. */
  now(): Promise<Date>;

  /**
   * Makes a link. A repeated identity makes none: the link of then gets the new token, which makes the one before worthless,
   * unless it was used already; `isTokenSet` says whether it has.
   */
  create(link: NewLink, identity: CommandIdentity): Promise<{ link: Link; isTokenSet: boolean }>;

  /** Ends a link for good; one that was revoked before stays as it is. */
  revoke(namespace: string, linkId: string): Promise<Link>;

  /**
   * Links of a namespace, or of one path of it, with ids below `after`; only active ones unless `showEnded`. A page may come
   * back short with a `next` when many links have ended. As of `position` or later.
   */
  list(
    namespace: string,
    options: {
      path: string | undefined;
      showEnded: boolean;
      limit: number;
      after: string | undefined;
      position?: CommitPosition | undefined;
    },
  ): Promise<LinkPage>;

  /** What a token would open now, in one of `namespaces`; nothing is counted. */
  peek(tokenSha256: Uint8Array, options: { namespaces: readonly string[] }): Promise<OpenedLink>;

  /** Opens a link: counts and records the use in the same step, and forgets what is older than the last LINK_LIMITS.usesKept of the link. Of two that race for the last use, one gets it. */
  use(tokenSha256: Uint8Array, options: { namespaces: readonly string[]; visitor: LinkVisitor }): Promise<OpenedLink>;

  /** Removes links that ended by time longer than `olderThanMs` ago, with their uses, at most `limit`; returns how many. */
  forget(options: { olderThanMs: number; limit: number }): Promise<number>;
}
