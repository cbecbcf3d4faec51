import { expect } from "chai";
import type { JournalEvent } from "../../domain/journal/event-log.ts";
import { MOVED_EVENT } from "../../testing/samples/sample-event.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { type EventSight, NO_SIGHT, parseEventFilter, showEvent } from "./event-sight.ts";

const all = parseEventFilter({ types: [], pathPrefix: "" });
const reading = (...file: string[]): EventSight => ({ ...NO_SIGHT, file });
const show = (sight: EventSight, event: Partial<JournalEvent> = {}, filter = all) =>
  showEvent({ ...MOVED_EVENT, ...event }, { sight, filter });

describe("showEvent", () => {
  it("tells readers of both paths of a moved file all of it", () => {
    expect(show(reading(""))).to.deep.equal(MOVED_EVENT);
    expect(show(reading("from/", "to/"))).to.deep.equal(MOVED_EVENT);
  });

  it("tells readers of one path of a moved file that path alone", () => {
    expect(show(reading("to/"))).to.deep.equal({ ...MOVED_EVENT, sourcePath: "" });
    expect(show(reading("from/"))).to.deep.equal({ ...MOVED_EVENT, path: "", generation: undefined });
  });

  it("tells readers of what was copied nothing of the copy", () => {
    expect(show(reading("from/"), { type: "sluice.file.copied.v1" })).to.equal(undefined);
  });

  it("tells nobody what their roles do not show", () => {
    expect(show(reading("other/"))).to.equal(undefined);
    expect(show({ ...NO_SIGHT, link: [""], upload: [""], namespace: [""] })).to.equal(undefined);
    const changed = { type: "sluice.namespace.updated.v1", kind: "namespace", path: "", sourcePath: "" } as const;
    expect(show(reading(""), changed)).to.equal(undefined);
    expect(show({ ...NO_SIGHT, namespace: ["some/"] }, changed)).to.not.equal(undefined);
  });

  it("tells an erased path to those alone who see every path", () => {
    expect(show(reading("to/"), { path: "", sourcePath: "" })).to.equal(undefined);
    expect(show(reading(""), { path: "", sourcePath: "" })).to.not.equal(undefined);
  });

  it("takes a filter by types and by the beginning of paths", () => {
    const byPath = (pathPrefix: string) => show(reading(""), {}, parseEventFilter({ types: [], pathPrefix }));
    expect(byPath("to/")).to.not.equal(undefined);
    expect(byPath("from/")).to.not.equal(undefined);
    expect(byPath("other/")).to.equal(undefined);
    const byType = (type: string) => show(reading(""), {}, parseEventFilter({ types: [type], pathPrefix: "" }));
    expect(byType("sluice.file.moved.v1")).to.not.equal(undefined);
    expect(byType("sluice.file.deleted.v1")).to.equal(undefined);
  });
});

describe("parseEventFilter", () => {
  it("refuses types that there are not, and too many", async () => {
    for (const types of [["sluice.file.read.v1"], [""], Array.from({ length: 21 }, () => "sluice.file.moved.v1")]) {
      const error = await catchError(() => parseEventFilter({ types, pathPrefix: "" }));
      expect(error).to.include({ code: "invalid_argument", field: "types" });
    }
  });
});
