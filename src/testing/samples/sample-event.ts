import type { JournalEvent } from "../../domain/journal/event-log.ts";

/** The event of a file that was moved. */
export const MOVED_EVENT: JournalEvent = {
  eventId: "0190a3b4-5c6d-7e8f-9a0b-0000000000bb",
  sequence: 7,
  time: new Date("2026-01-02T03:04:05.678Z"),
  namespace: "default",
  type: "sluice.file.moved.v1",
  kind: "file",
  resourceId: "0190a3b4-5c6d-7e8f-9a0b-0000000000cc",
  generation: 3,
  path: "to/a",
  sourcePath: "from/a",
};
