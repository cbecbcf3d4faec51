import type { DescMethodStreaming } from "@bufbuild/protobuf";
import {
  EventService,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from "../../../gen/sluice/v1/event_service_pb.ts";
import { headerOf } from "../../rpc/listener/node-messages.ts";
import { assertAcceptable } from "../answers.ts";
import type { MethodCalls } from "../method-calls.ts";
import type { Serve } from "../method-routes.ts";
import { toRequestMessage } from "../requests/request-message.ts";
import type { RestCall } from "../requests/rest-call.ts";
import { streamTexts } from "../stream-texts.ts";
import { toEventJson } from "./event-json.ts";

const MEDIA_TYPE = "text/event-stream";

/**
 * Serves WatchEvents as Server-Sent Events to callers whose Accept names them, and as lines of JSON to all others
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). The id of an event is its cursor: a browser that connects again
 * sends it as Last-Event-ID, which counts more than what the URL says. A message without an event sets the id and runs no handler.
 */
export function createEventStream({ calls, serveLines }: { calls: MethodCalls; serveLines: Serve }): Serve {
  return async (call) => {
    if (!isNamed(call)) {
      await serveLines(call);
      return;
    }
    assertAcceptable(call.request, MEDIA_TYPE);
    const method = EventService.method.watchEvents;
    const { variables, query } = call;
    const message = toRequestMessage(method, {
      variables,
      query,
      bodyField: "",
      body: undefined,
    }) as WatchEventsRequest;
    const lastEventId = headerOf(call.request, "last-event-id") ?? "";
    if (lastEventId !== "") Object.assign(message, { cursor: lastEventId, onlyNew: false });
    const messages = calls.serverStream(method as DescMethodStreaming, message, call);
    await streamTexts(call, messages as AsyncIterable<WatchEventsResponse>, {
      mediaType: MEDIA_TYPE,
      toText,
      toErrorText: (problem) => `event: error\ndata: ${JSON.stringify(problem)}\n\n`,
    });
  };
}

function isNamed({ request }: RestCall): boolean {
  return (headerOf(request, "accept") ?? "").toLowerCase().includes(MEDIA_TYPE);
}

function toText({ event, cursor }: WatchEventsResponse): string {
  if (event === undefined) return `id: ${cursor}\n\n`;
  return `id: ${cursor}\nevent: ${event.type}\ndata: ${toEventJson(event)}\n\n`;
}
