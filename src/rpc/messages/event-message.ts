import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type EventData,
  EventDataSchema,
  EventSchema,
  type Event as WireEvent,
} from "../../../gen/sluice/v1/event_service_pb.ts";
import type { JournalEvent } from "../../domain/journal/event-log.ts";
import type { ToldEvent } from "../../queries/events/list-events.ts";

/** An event with the attributes of CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md). */
export function toEventMessage({ event, cursor }: ToldEvent): WireEvent {
  const { eventId, namespace, type, path, sourcePath, time, sequence } = event;
  const subject = path === "" ? sourcePath : path;
  return create(EventSchema, {
    id: eventId,
    source: `/namespaces/${namespace}`,
    specversion: "1.0",
    type,
    // An attribute of CloudEvents is never empty.
    ...(subject !== "" && { subject }),
    time: timestampFromDate(time),
    datacontenttype: "application/json",
    sequence: BigInt(sequence),
    cursor,
    data: toEventData(event),
  });
}

function toEventData({ namespace, path, sourcePath, kind, resourceId, generation }: JournalEvent): EventData {
  return create(EventDataSchema, {
    namespace,
    path,
    sourcePath,
    ...(kind === "file" && { fileId: resourceId }),
    ...(generation !== undefined && { generation: BigInt(generation) }),
    ...(kind === "upload" && { uploadId: resourceId }),
    ...(kind === "link" && { linkId: resourceId }),
  });
}
