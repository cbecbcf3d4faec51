import { DomainError } from "../../domain/errors.ts";

/** Markers of an answer: key, and upload or version id. */
export type PageMarkers = [key: string | undefined, id: string | undefined];

/** The key and id markers after which a listing continues; none for its beginning. */
export function parseMarkers(after: string | undefined): [key?: string, id?: string] {
  return after === undefined ? [] : JSON.parse(after);
}

/**
 * The place after which a listing continues, from the markers of an answer. When a server answers the same page again, the
 * listing would never end: `unavailable / STORAGE_UNAVAILABLE`.
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
