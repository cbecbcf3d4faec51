import type { Caller, UploadToken } from "../caller.ts";
import { DomainError } from "../errors.ts";

/** Bounds of upload tokens. */
export const UPLOAD_TOKEN_LIMITS = {
  /** Uploads that one token may create: a page of pictures, and not a service's work. */
  uploadsMax: 10_000,
  /** Shortest lifetime of a token, in milliseconds. */
  lifetimeMinMs: 1000,
  /** Lifetime where none is wanted, in milliseconds: an hour covers a visit of a page. */
  lifetimeDefaultMs: 3_600_000,
  /**
   * Groups of its issuer that a token names, in bytes of their JSON. The token goes in a header with each call, so it names
   * only groups that have the right, and only as many of them as fit.
   */
  groupsMaxBytes: 3072,
} as const;

/** Whether the path lies in the place of an upload token. */
export function isInPlace(place: string, path: string): boolean {
  return isPrefix(place) ? path.startsWith(place) : path === place;
}

/** Whether a place is a beginning of paths, and not the path of one file. */
export function isPrefix(place: string): boolean {
  return place === "" || place.endsWith("/");
}

/** A place as messages show it. */
export function showPlace(place: string): string {
  if (place === "") return "any path";
  return `${isPrefix(place) ? "paths below " : ""}${JSON.stringify(place)}`;
}

/**
 * The precondition of a caller's upload. A caller with an upload token states none, because the answer would tell which files
 * exist; whoever makes the token decides that by `onlyNewFiles`, and 0 may then be stated as well. Other values are
 * `permission_denied / PERMISSION_DENIED`.
 */
export function toPrecondition({ uploadToken }: Caller, ifGenerationMatch: number | undefined): number | undefined {
  if (uploadToken === undefined) return ifGenerationMatch;
  const imposed = uploadToken.onlyNewFiles ? 0 : undefined;
  if (ifGenerationMatch === undefined || ifGenerationMatch === imposed) return imposed;
  const right = uploadToken.onlyNewFiles
    ? "this one makes new files only, so send 0 or leave it out"
    : "leave it out, or ask for a token that makes new files only";
  throw denied(`an upload token does not tell which files exist, so if_generation_match is not its to state; ${right}`);
}

/** The refusal of a method that no upload token may call. */
export function refuseMethod(): DomainError {
  return denied(
    "an upload token only uploads: it may create uploads, and write, complete, abort and watch those; use a token of your own for anything else",
  );
}

/** The refusal of a path outside of a token's place. */
export function refusePlace({ namespace, place }: UploadToken): DomainError {
  return denied(
    `this upload token uploads to ${showPlace(place)} in namespace ${namespace}; ask for one for other paths`,
  );
}

/** The refusal of a token whose issuer lost the right that it gives. */
export function refuseIssuer(): DomainError {
  return denied("whoever made this upload token may not write there any more; ask for another one");
}

function denied(message: string): DomainError {
  return new DomainError("permission_denied", message, { reason: "PERMISSION_DENIED" });
}
