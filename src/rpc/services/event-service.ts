import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type EventService,
  ListEventsResponseSchema,
  WatchEventsResponseSchema,
} from "../../../gen/sluice/v1/event_service_pb.ts";
import type { EventsRequest, ToldEvent } from "../../queries/events/list-events.ts";
import type { WatchMessage } from "../../queries/events/watch-events.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { toEventMessage } from "../messages/event-message.ts";
import { createSubscriptionMethods, type SubscriptionFunctions } from "./subscription-methods.ts";

/** The functions that EventService calls: the queries with their dependencies bound. */
export interface EventFunctions {
  listEvents(
    request: EventsRequest & { pageSize: number },
    options: CallOptions,
  ): Promise<{ events: ToldEvent[]; cursor: string; hasMore: boolean }>;
  watchEvents(request: EventsRequest & { onlyNew: boolean }, options: CallOptions): AsyncIterable<WatchMessage>;
}

/** EventService for Connect: protobuf in, protobuf out. */
export function createEventService(
  functions: EventFunctions,
  subscriptions: SubscriptionFunctions,
): ServiceImpl<typeof EventService> {
  return {
    ...createSubscriptionMethods(subscriptions),
    listEvents: async ({ $typeName: _, ...request }, context) => {
      const { events, ...rest } = await functions.listEvents(request, toCallOptions(context));
      return create(ListEventsResponseSchema, { events: events.map(toEventMessage), ...rest });
    },
    async *watchEvents({ $typeName: _, ...request }, context) {
      for await (const { event, cursor } of functions.watchEvents(request, toCallOptions(context))) {
        const told = event === undefined ? {} : { event: toEventMessage({ event, cursor }) };
        yield create(WatchEventsResponseSchema, { cursor, ...told });
      }
    },
  };
}
