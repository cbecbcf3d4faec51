import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import type { NewEntry } from "../domain/journal/new-entry.ts";
import { FakeJournalWriter, sampleEntry } from "../testing/samples/sample-entries.ts";
import { catchError } from "../testing/samples/sample-records.ts";
import { EntryQueue } from "./entry-queue.ts";
import { JournalRecorder } from "./journal-recorder.ts";

const SUMMED = { isSummed: true, isRequired: false };
const REQUIRED = { isSummed: true, isRequired: true };
const LIMITS = { windowMs: 10_000, kindsMax: 8, callerShare: 1 / 4 };

describe("JournalRecorder", () => {
  let writer: FakeJournalWriter;
  let now: number;
  let recorder: JournalRecorder;
  beforeEach(() => {
    writer = new FakeJournalWriter();
    now = 0;
    recorder = new JournalRecorder(new EntryQueue(writer), { limits: LIMITS, now: () => now });
  });
  const written = () => writer.entries.map(({ path, times }) => [path, times]);
  const read = (overrides: Partial<NewEntry> = {}, options = SUMMED) =>
    recorder.record(sampleEntry(overrides), options);

  it("sums calls of one kind for ten seconds from the first of them", async () => {
    const time = new Date("2026-11-30T12:00:00Z");
    read({ time });
    now = 9_999;
    read({ time: new Date("2026-11-30T12:00:09Z") });
    await recorder.flush();
    expect(written()).to.deep.equal([]);
    now = 10_000;
    await recorder.flush();
    read();
    await recorder.drain();
    expect(written()).to.deep.equal([
      ["a.txt", 2],
      ["a.txt", 1],
    ]);
    expect(writer.entries[0]).to.include({ time });
  });

  it("keeps apart who, from where, what, of which resource and with which outcome", async () => {
    const roomy = new JournalRecorder(new EntryQueue(writer));
    const { actor } = sampleEntry();
    for (const overrides of [
      ...[{}, { namespace: "other" }, { action: "ListFiles" }, { outcome: "FILE_NOT_FOUND" }, { path: "b" }],
      ...[
        { actor: { ...actor, principal: "x" } },
        { actor: { ...actor, address: "x" } },
        { actor: { ...actor, session: "x" } },
      ],
      ...[{ actor: { ...actor, tokenId: "x" } }, { actor: { ...actor, tokenKind: "oidc" } }],
      ...[
        { resource: { kind: "prefix" } },
        { resource: { kind: "file", id: "x" } },
        { resource: { kind: "file", generation: 2 } },
      ],
    ] as Partial<NewEntry>[])
      for (const _ of [1, 2]) roomy.record(sampleEntry(overrides), SUMMED);
    await roomy.drain();
    expect(writer.entries.map(({ times }) => times)).to.deep.equal(Array(13).fill(2));
  });

  it("enters by itself what is not summed", async () => {
    for (const _ of [1, 2]) read({}, { isSummed: false, isRequired: false });
    await recorder.flush();
    expect(written()).to.deep.equal([
      ["a.txt", 1],
      ["a.txt", 1],
    ]);
  });

  it("says what a caller does to more files than it may sum, but not to which", async () => {
    for (const path of ["1", "2", "3", "4", "1"]) read({ path });
    read({ path: "5", actor: { principal: "b", tokenKind: "oidc" } });
    await recorder.drain();
    expect(written()).to.deep.equal([
      ["1", 2],
      ["2", 1],
      ["", 2],
      ["5", 1],
    ]);
    expect(recorder.size).to.equal(0);
  });

  it("says nothing less of many addresses without identity than of one", async () => {
    for (let i = 0; i < 100; i++)
      read({ path: "", actor: { principal: "", tokenKind: "none", address: `192.0.2.${i}` } });
    expect(recorder.size).to.equal(3);
    await recorder.drain();
    expect(writer.entries.map(({ actor, times }) => [actor.address ?? "", times])).to.deep.equal([
      ["192.0.2.0", 1],
      ["192.0.2.1", 1],
      ["", 98],
    ]);
  });

  describe("when the answer has to wait", () => {
    it("enters the first call at once, and lets all others of its kind wait for that entry", async () => {
      const { promise: committed, resolve: commit } = Promise.withResolvers<void>();
      writer.answer = () => committed;
      const order: string[] = [];
      const answered = [1, 2].map((nth) => read({}, REQUIRED)?.then(() => order.push(`answer ${nth}`)));
      order.push("commit");
      commit();
      await Promise.all(answered);
      expect(order).to.deep.equal(["commit", "answer 1", "answer 2"]);
      expect(read({}, REQUIRED)).to.equal(undefined);
      await recorder.drain();
      expect(written()).to.deep.equal([
        ["a.txt", 1],
        ["a.txt", 2],
      ]);
    });

    it("refuses all who wait when the entry cannot be written, and tries again with the next call", async () => {
      writer.answer = () => Promise.reject(new DomainError("unavailable", "away", { reason: "DATABASE_FULL" }));
      const refused = await Promise.all([1, 2].map(() => catchError(async () => await read({}, REQUIRED))));
      for (const error of refused) expect(error).to.include({ reason: "AUDIT_UNAVAILABLE" });
      expect(recorder.size).to.equal(0);
      writer.answer = async () => {};
      await read({}, REQUIRED);
      await recorder.drain();
      expect(written()).to.deep.equal([["a.txt", 1]]);
    });

    it("enters every call by itself that finds no room to be summed", async () => {
      for (const path of ["1", "2", "3", "3"]) await read({ path }, REQUIRED);
      expect(written()).to.deep.equal(["1", "2", "3", "3"].map((path) => [path, 1]));
    });
  });
});
