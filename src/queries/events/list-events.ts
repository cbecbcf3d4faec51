import { type EventCursor, type EventLog, formatCursor, type JournalEvent } from "../../domain/journal/event-log.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import { parsePageSize } from "../file-page.ts";
import { assertWithin, parseCursor } from "./event-cursor.ts";
import { type EventSight, parseEventFilter, showEvent } from "./event-sight.ts";

/** Entries of a namespace that one page looks at. An event takes at most 4 KiB, so a page of 1,000 fits into a message. */
const ENTRIES_MAX = 1000;

/** Which events. */
export interface EventsRequest {
  namespace: string;
  /** Empty for all that are kept. */
  cursor: string;
  /** Empty for all. */
  types: readonly string[];
  pathPrefix: string;
}

/** An event, and where to go on behind it. */
export interface ToldEvent {
  event: JournalEvent;
  cursor: string;
}

/**
 * A page of the events behind a cursor, the oldest first; only `hasMore` says whether others follow. Errors: `not_found /
 * NAMESPACE_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID`, `failed_precondition / EVENTS_RESET`.
 */
export async function listEvents(
  deps: { log: EventLog; namespaces: Namespaces },
  request: EventsRequest & { pageSize: number },
  { sight }: { sight: () => EventSight },
): Promise<{ events: ToldEvent[]; cursor: string; hasMore: boolean }> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const limit = parsePageSize(request.pageSize);
  const filter = parseEventFilter(request);
  const asked = parseCursor(request.cursor);
  const bounds = await deps.log.bounds();
  const from: EventCursor = asked ?? { origin: bounds.origin, sequence: bounds.first - 1 };
  assertWithin(from, bounds);
  const [after, last] = [from.sequence, bounds.last];
  const stretch = await deps.log.read({ namespace, after, through: last, limit: ENTRIES_MAX });
  if (asked !== undefined) assertWithin(asked, { ...bounds, first: stretch.first });
  const seen = sight();
  const shown = stretch.events.flatMap((event) => showEvent(event, { sight: seen, filter }) ?? []);
  const events = shown.slice(0, limit);
  const isCut = shown.length > limit;
  const through = isCut ? (events.at(-1) as JournalEvent).sequence : stretch.through;
  const toCursor = (sequence: number) => formatCursor({ origin: bounds.origin, sequence });
  return {
    events: events.map((event) => ({ event, cursor: toCursor(event.sequence) })),
    cursor: toCursor(through),
    hasMore: isCut || through < last,
  };
}
