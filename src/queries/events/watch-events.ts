import type { Caller } from "../../domain/caller.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { formatCursor, type JournalEvent } from "../../domain/journal/event-log.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import { parseCursor } from "./event-cursor.ts";
import type { EventFeed } from "./event-feed.ts";
import { type EventSight, parseEventFilter, showEvent } from "./event-sight.ts";
import type { EventsRequest } from "./list-events.ts";

/** A message to a watcher: an event, or none when only the place is told. */
export interface WatchMessage {
  event: JournalEvent | undefined;
  /** Where to go on behind this message. */
  cursor: string;
}

/**
 * Yields the events behind a cursor, and then each new one, in their order, none twice. The first message has no event, and so have those
 * that come every few seconds while nothing happens. `sight` is asked for each message: it says what the caller may see now, and throws
 * when that is nothing. A consumer who reads slowly or not at all holds at most `stretchMax` events.
 *
 * Ends with `not_found / NAMESPACE_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID`, `failed_precondition / EVENTS_RESET`,
 * `resource_exhausted / OVERLOADED`, `unavailable / SHUTTING_DOWN`, `unavailable / DATABASE_UNAVAILABLE` once the database was
 * away for long, with what `sight` throws, or with the signal's reason.
 */
export async function* watchEvents(
  deps: { feed: EventFeed; namespaces: Namespaces },
  request: EventsRequest & { onlyNew: boolean },
  options: { caller: Pick<Caller, "principal">; sight: () => EventSight; signal?: AbortSignal },
): AsyncGenerator<WatchMessage, void, undefined> {
  const { feed } = deps;
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const filter = parseEventFilter(request);
  const asked = parseCursor(request.cursor);
  if (asked !== undefined && request.onlyNew)
    throw invalidArgument("only_new", "only_new and cursor exclude each other; send one of them");
  const { principal: caller } = options.caller;
  const { sight, signal } = options;
  const { watcher, leave } = await feed.join(namespace, caller, { signal });
  try {
    let place = await feed.begin(asked ?? (request.onlyNew ? "newest" : "oldest"));
    yield { event: undefined, cursor: formatCursor(place) };
    let toldAt = performance.now();
    for (;;) {
      signal?.throwIfAborted();
      if (watcher.failure !== undefined) throw watcher.failure;
      const { events, through } = await feed.read(watcher, place, { caller, signal });
      for (const event of events) {
        const shown = showEvent(event, { sight: sight(), filter });
        if (shown === undefined) continue;
        place = { ...place, sequence: event.sequence };
        yield { event: shown, cursor: formatCursor(place) };
        toldAt = performance.now();
      }
      const hasMoved = through > place.sequence;
      place = { ...place, sequence: through };
      const dueMs = toldAt + feed.limits.heartbeatMs - performance.now();
      if (dueMs <= 0) {
        sight();
        yield { event: undefined, cursor: formatCursor(place) };
        toldAt = performance.now();
      } else if (events.length === 0 && !hasMoved) await watcher.bell.wait({ timeoutMs: dueMs, signal });
    }
  } finally {
    leave();
  }
}
