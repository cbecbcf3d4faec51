import type { EventKind } from "../journal/event-type.ts";
import type { Role } from "./role.ts";

/**
 * The roles of which one, at the path of an event, shows the event, by what the event is about: the roles that the lists of the same
 * things need. Events of the namespace itself need a role anywhere in it.
 */
export const EVENT_RULES = {
  file: ["reader"],
  upload: ["reader", "writer"],
  link: ["writer", "auditor"],
  namespace: ["auditor", "admin"],
} as const satisfies Record<EventKind, readonly Role[]>;

/** The roles that show any event. */
export const EVENT_ROLES: readonly Role[] = [...new Set(Object.values(EVENT_RULES).flat())];
