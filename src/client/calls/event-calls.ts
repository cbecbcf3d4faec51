import { createClient } from "@connectrpc/connect";
import {
  type Event,
  EventService,
  type ListEventsResponse,
  type WatchEventsResponse,
} from "../../../gen/sluice/v1/event_service_pb.ts";
import type { Addresses } from "../connection/addresses.ts";
import type { RetryOptions } from "../connection/retry-policy.ts";
import { type CallAddress, type CallOptions, createCall } from "./call.ts";
import { type FollowedStream, type FollowOptions, followStream } from "./follow-stream.ts";

/** The events that a caller wants. */
export interface EventSelection extends CallOptions {
  /** Where to go on: the cursor of an event or of a page. Without one all events that are kept come. */
  cursor?: string;
  /** For instance "sluice.file.committed.v1"; all when left out. */
  types?: readonly string[];
  /** Beginning of the paths; all when left out. */
  pathPrefix?: string;
}

/** Options of a watch of events. */
export interface WatchEventsOptions extends EventSelection, FollowOptions {
  /** Begins with what happens from now on, and without a cursor. */
  onlyNew?: boolean;
}

/** The methods for events. */
export interface EventCalls {
  /** One page, the oldest first; `pageSize` is 1 to 1,000. It may be empty although others follow: see `hasMore`. */
  listEvents(options?: EventSelection & { pageSize?: number }): Promise<ListEventsResponse>;
  /** All events that there are now, fetched page by page. */
  allEvents(options?: EventSelection): AsyncGenerator<Event, void, undefined>;
  /**
   * The events behind a cursor, and then each new one, over cuts and restarts of the service, at whichever address answers: none is lost, and
   * none comes twice. Keep the `cursor` of the last event that you are done with, to begin there after a restart of your own.
   */
  watchEvents(options?: WatchEventsOptions): AsyncGenerator<Event, void, undefined>;
}

/** The methods for events over Connect transports, for Node and browsers. They reject with `SluiceError`, or with the signal's reason. */
export function createEventCalls(
  addresses: Addresses<CallAddress>,
  { renew }: Pick<RetryOptions, "renew"> = {},
): EventCalls {
  const call = createCall(addresses, { renew });
  const listEvents: EventCalls["listEvents"] = ({ signal, namespace = "default", types = [], ...rest } = {}) =>
    call(EventService.method.listEvents, { namespace, types: [...types], ...rest }, { signal });
  return {
    listEvents,
    async *allEvents(options = {}) {
      let page = await listEvents({ pageSize: 1000, ...options });
      for (;;) {
        yield* page.events;
        if (!page.hasMore) return;
        page = await listEvents({ pageSize: 1000, ...options, cursor: page.cursor });
      }
    },
    async *watchEvents({
      namespace = "default",
      types = [],
      pathPrefix = "",
      cursor = "",
      onlyNew = false,
      ...options
    } = {}) {
      let place = { cursor, onlyNew };
      const stream: FollowedStream<WatchEventsResponse> = {
        open: (transport, signal) =>
          createClient(EventService, transport).watchEvents(
            { namespace, types: [...types], pathPrefix, ...place },
            { signal },
          ),
        what: "the events",
      };
      for await (const message of followStream(addresses, stream, { ...options, renew })) {
        // Also before the first event: what happens while the stream is cut is new, too.
        place = { cursor: message.cursor, onlyNew: false };
        if (message.event !== undefined) yield message.event;
      }
    },
  };
}
