import type { Authority } from "../auth/authority.ts";
import { EVENT_ROLES, EVENT_RULES } from "../domain/access/event-rules.ts";
import { refuseMethod } from "../domain/access/upload-token.ts";
import type { EventSight } from "../queries/events/event-sight.ts";
import type { CallOptions } from "./calls/caller-context.ts";
import type { EventFunctions } from "./services/event-service.ts";

/**
 * The same functions for callers who have one of the roles of EVENT_RULES anywhere in the namespace: each sees the events that these
 * roles show. A stream follows changes of the grants, and ends when its caller has none of the roles any more. Rejects as `Authority` says.
 */
export function authorizeEvents(events: EventFunctions, authority: Authority): EventFunctions {
  return {
    listEvents: async (request, options) =>
      await events.listEvents(request, { ...options, sight: await admit(authority, request.namespace, options) }),
    watchEvents: async function* (request, options) {
      yield* events.watchEvents(request, { ...options, sight: await admit(authority, request.namespace, options) });
    },
  };
}

/** Returns what tells what the caller may see at the moment, and throws once that is nothing. */
async function admit(
  authority: Authority,
  namespace: string,
  { caller }: CallOptions,
): Promise<(() => EventSight) | undefined> {
  if (caller.uploadToken !== undefined) throw refuseMethod();
  // The method itself refuses a request that names no namespace.
  if (namespace === "") return undefined;
  const fresh = authority.freshen(namespace);
  if (fresh !== undefined) await fresh;
  let [seen, grants]: [EventSight | undefined, unknown] = [undefined, undefined];
  const sight = () => {
    const now = authority.grantsOf(namespace);
    // Each event asks; the grants change seldom.
    if (seen !== undefined && now !== undefined && now === grants) return seen;
    authority.requireScope(caller, EVENT_ROLES, namespace);
    const of = (kind: keyof typeof EVENT_RULES) => authority.scopeOf(caller, namespace, EVENT_RULES[kind]);
    seen = { file: of("file"), upload: of("upload"), link: of("link"), namespace: of("namespace") };
    grants = now;
    return seen;
  };
  sight();
  return sight;
}
