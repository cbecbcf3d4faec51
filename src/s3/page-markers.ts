import { DomainError } from "../domain/errors.ts";

/** Markers of an answer: key, and upload or version id. */
export type PageMarkers = [key: string | undefined, id: string | undefined];

/** The key and id markers that a listing goes on from; none for its beginning. */
export function parseMarkers(after: string | undefined): [key?: string, id?: string] {
  return after === undefined ? [] : JSON.parse(after);
}

/**
 * Where a listing goes on, from the markers of an answer. A server that answers the page again that it was asked to go on
 * from would be asked for ever: `unavailable / STORAGE_UNAVAILABLE`.
 */
export function toNextPage(markers: PageMarkers | undefined, after: string | undefined): string | undefined {
  if (markers === undefined || !markers[0]) return undefined;
  const next = JSON.stringify(markers.filter((marker) => marker !== undefined && marker !== ""));
  if (next !== after) return next;
  throw new DomainError("unavailable", "storage answers the same page of its listing again and again", {
    reason: "STORAGE_UNAVAILABLE",
    retryAfterMs: 60_000,
  });
}
