import { expect } from "chai";
import type { JournalEvent } from "../../domain/journal/event-log.ts";
import { BUS_LIMITS } from "../../receivers/bus-sender.ts";
import { MOVED_EVENT } from "../../testing/samples/sample-event.ts";
import { toDelivery } from "./event-json.ts";

const ORIGIN = "0190a3b4-5c6d-7e8f-9a0b-000000000001";
const toSent = (event: JournalEvent) =>
  toDelivery({ event, cursor: `${ORIGIN}.7` }, { publicUrl: "https://files.example.org", origin: ORIGIN });

describe("toDelivery", () => {
  it("has the event in the JSON format of CloudEvents", () => {
    const { json, ...rest } = toSent(MOVED_EVENT);
    expect(rest).to.include({
      eventId: MOVED_EVENT.eventId,
      sequence: 7,
      namespace: "default",
      type: MOVED_EVENT.type,
    });
    expect(JSON.parse(json)).to.deep.equal({
      id: MOVED_EVENT.eventId,
      source: "/namespaces/default",
      specversion: "1.0",
      type: "sluice.file.moved.v1",
      subject: "to/a",
      time: "2026-01-02T03:04:05.678Z",
      datacontenttype: "application/json",
      sequence: "7",
      cursor: `${ORIGIN}.7`,
      data: {
        namespace: "default",
        path: "to/a",
        sourcePath: "from/a",
        fileId: MOVED_EVENT.resourceId,
        generation: "3",
      },
    });
  });

  it("names no path in brief, and says where the whole event is", () => {
    const brief = JSON.parse(toSent(MOVED_EVENT).briefJson);
    expect(brief).to.include({ id: MOVED_EVENT.eventId, type: MOVED_EVENT.type, specversion: "1.0" });
    expect(brief).not.to.have.any.keys("subject", "data");
    expect(brief.dataref).to.equal(
      `https://files.example.org/v1/namespaces/default/events?cursor=${ORIGIN}.6&pageSize=1`,
    );
  });

  it("is so small with the longest paths that ten fit into a call of EventBridge", () => {
    const path = "\u0000".repeat(1024);
    expect(10 * Buffer.byteLength(toSent({ ...MOVED_EVENT, path, sourcePath: path }).json)).to.be.lessThan(
      BUS_LIMITS.requestMaxBytes,
    );
  });
});
