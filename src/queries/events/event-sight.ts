import { isInScope, NO_PATH, type PathScope, WHOLE_NAMESPACE } from "../../domain/access/path-scope.ts";
import { invalidArgument } from "../../domain/errors.ts";
import type { JournalEvent } from "../../domain/journal/event-log.ts";
import { ALL_EVENT_TYPES, EVENT_TYPES, type EventKind } from "../../domain/journal/event-type.ts";

/** Types that one request may name. */
const TYPES_MAX = 20;

/**
 * What somebody may see: the paths of events, by what they are about. Events of the namespace itself have no path; they are seen
 * by whoever has any path there.
 */
export type EventSight = Readonly<Record<EventKind, PathScope>>;

/** Sees no event. */
export const NO_SIGHT: EventSight = { file: NO_PATH, upload: NO_PATH, link: NO_PATH, namespace: NO_PATH };

/** Sees every event. */
export const WHOLE_SIGHT: EventSight = {
  file: WHOLE_NAMESPACE,
  upload: WHOLE_NAMESPACE,
  link: WHOLE_NAMESPACE,
  namespace: WHOLE_NAMESPACE,
};

/** Which events somebody wants. */
export interface EventFilter {
  /** All when undefined. */
  types: ReadonlySet<string> | undefined;
  pathPrefix: string;
}

/** Reads the filter of a request: `invalid_argument / ARGUMENT_INVALID` for unknown types, and for too many. */
export function parseEventFilter({ types, pathPrefix }: { types: readonly string[]; pathPrefix: string }): EventFilter {
  if (types.length > TYPES_MAX) {
    throw invalidArgument("types", `types has ${types.length} entries; the limit is ${TYPES_MAX}`);
  }
  const unknown = types.find((type) => !ALL_EVENT_TYPES.has(type));
  if (unknown !== undefined) {
    const known = [...ALL_EVENT_TYPES].join(", ");
    throw invalidArgument("types", `${JSON.stringify(unknown.slice(0, 100))} is no type of events; there are ${known}`);
  }
  return { types: types.length === 0 ? undefined : new Set(types), pathPrefix: pathPrefix.normalize("NFC") };
}

/**
 * The event as somebody may see it; undefined when they may not, or do not want it. Whoever may read the former path of a moved file
 * hears that it has moved away, and not where to.
 */
export function showEvent(
  event: JournalEvent,
  { sight, filter }: { sight: EventSight; filter: EventFilter },
): JournalEvent | undefined {
  const { types, pathPrefix } = filter;
  if (types !== undefined && !types.has(event.type)) return undefined;
  const scope = sight[event.kind];
  if (event.kind === "namespace") return scope.length > 0 && pathPrefix === "" ? event : undefined;
  const seesPath = isInScope(scope, event.path);
  const seesSource = event.sourcePath !== "" && isInScope(scope, event.sourcePath);
  const isFormer = seesSource && event.type === EVENT_TYPES.MoveFile;
  const isWanted =
    (seesPath && event.path.startsWith(pathPrefix)) || (isFormer && event.sourcePath.startsWith(pathPrefix));
  if (!isWanted) return undefined;
  return {
    ...event,
    path: seesPath ? event.path : "",
    sourcePath: seesSource ? event.sourcePath : "",
    generation: seesPath ? event.generation : undefined,
  };
}
