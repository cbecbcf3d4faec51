import { expect } from "chai";
import type { JournalEvent } from "../domain/journal/event-log.ts";
import { BUS_LIMITS } from "../receivers/bus-sender.ts";
import { toDelivery } from "./event-json.ts";

const ORIGIN = "0190a3b4-5c6d-7e8f-9a0b-000000000001";
const MOVED: JournalEvent = {
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
const toSent = (event: JournalEvent) =>
  toDelivery({ event, cursor: `${ORIGIN}.7` }, { publicUrl: "https://files.example.org", origin: ORIGIN });

describe("toDelivery", () => {
  it("has the event in the JSON format of CloudEvents", () => {
    const { json, ...rest } = toSent(MOVED);
    expect(rest).to.include({ eventId: MOVED.eventId, sequence: 7, namespace: "default", type: MOVED.type });
    expect(JSON.parse(json)).to.deep.equal({
      id: MOVED.eventId,
      source: "/namespaces/default",
      specversion: "1.0",
      type: "sluice.file.moved.v1",
      subject: "to/a",
      time: "2026-01-02T03:04:05.678Z",
      datacontenttype: "application/json",
      sequence: "7",
      cursor: `${ORIGIN}.7`,
      data: { namespace: "default", path: "to/a", sourcePath: "from/a", fileId: MOVED.resourceId, generation: "3" },
    });
  });

  it("names no path in brief, and says where the whole event is", () => {
    const brief = JSON.parse(toSent(MOVED).briefJson);
    expect(brief).to.include({ id: MOVED.eventId, type: MOVED.type, specversion: "1.0" });
    expect(brief).not.to.have.any.keys("subject", "data");
    expect(brief.dataref).to.equal(
      `https://files.example.org/v1/namespaces/default/events?cursor=${ORIGIN}.6&pageSize=1`,
    );
  });

  it("is so small with the longest paths that ten fit into a call of EventBridge", () => {
    const path = "\u0000".repeat(1024);
    expect(10 * Buffer.byteLength(toSent({ ...MOVED, path, sourcePath: path }).json)).to.be.lessThan(
      BUS_LIMITS.requestMaxBytes,
    );
  });
});
