import { DomainError, invalidArgument } from "../../domain/errors.ts";
import type { EventBounds, EventCursor } from "../../domain/journal/event-log.ts";

const FORM = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,15})$/;

/** Reads the cursor of a request; undefined for an empty one. `invalid_argument / ARGUMENT_INVALID` when it is none. */
export function parseCursor(text: string): EventCursor | undefined {
  if (text === "") return undefined;
  const [, origin, sequence] = FORM.exec(text) ?? [];
  if (origin === undefined) {
    const shown = JSON.stringify(text.slice(0, 100));
    throw invalidArgument("cursor", `${shown} is no cursor; send the one of an event or of an answer, or none`);
  }
  return { origin, sequence: Number(sequence) };
}

/**
 * Refuses a cursor behind which events may be missing, `failed_precondition / EVENTS_RESET`: one of another feed, one that is ahead
 * of the last entry, and one that is behind the first entry that is kept.
 */
export function assertWithin({ origin, sequence }: EventCursor, bounds: EventBounds): void {
  if (origin !== bounds.origin) throw refuse("it is of another feed, as after the database was restored from a backup");
  if (sequence > bounds.last)
    throw refuse(`its number is ${sequence}, and the last one is ${bounds.last}`, { last_sequence: bounds.last });
  if (sequence < bounds.first - 1)
    throw refuse(`events behind ${sequence} are not kept any more; the first one that is kept is ${bounds.first}`, {
      first_sequence: bounds.first,
    });
}

/** The refusal of those who watch while the feed becomes another one. */
export function feedChanged(): DomainError {
  return refuse("the feed has become another one, as after the database was restored from a backup");
}

function refuse(why: string, details: Record<string, number> = {}): DomainError {
  const remedy =
    "begin anew: without a cursor all events that are kept come, and a watch with only_new sends new ones alone";
  const message = `the events do not go on from this cursor: ${why}; read what you follow as it is now, and ${remedy}`;
  return new DomainError("failed_precondition", message, { reason: "EVENTS_RESET", details, field: "cursor" });
}
