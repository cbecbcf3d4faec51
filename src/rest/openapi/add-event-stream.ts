import type { JsonObject } from "@bufbuild/protobuf";

const EVENTS = "/v1/namespaces/{namespace}/events:watch";

/** Adds to WatchEvents the form in which the route beside the method serves it: Server-Sent Events. */
export function addEventStream(paths: Record<string, JsonObject>): void {
  const get = paths[EVENTS]?.get as
    | (JsonObject & { parameters: JsonObject[]; responses: Record<string, JsonObject> })
    | undefined;
  if (get === undefined) throw new Error(`no method is served at ${EVENTS}, to which its other form is added`);
  get.description = `${get.description} With Accept: text/event-stream the answer is Server-Sent Events.`;
  get.parameters.push({
    name: "Last-Event-ID",
    in: "header",
    description:
      "Only with Accept: text/event-stream: the cursor behind which the events come, whatever the query says.",
    schema: { type: "string" },
  });
  const answer = get.responses[200] as JsonObject & { content: JsonObject };
  answer.content["text/event-stream"] = {
    schema: {
      type: "string",
      description:
        "Each event has the cursor as its id, the type of the Event as its event, and the Event as its data. One with an id alone moves the cursor on. The last one has the event error and a Problem as its data when the stream fails.",
    },
  };
}
