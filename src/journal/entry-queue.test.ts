import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { FakeJournalWriter, sampleEntry } from "../testing/samples/sample-entries.ts";
import { catchError } from "../testing/samples/sample-records.ts";
import { EntryQueue } from "./entry-queue.ts";

const LIMITS = { entriesMax: 8, callerShare: 1 / 2, batchMax: 4 };
const toActor = (principal: string) => ({ principal, tokenKind: "oidc" as const });
const of = (principal: string, path = "a.txt") => sampleEntry({ actor: toActor(principal), path });
const away = () => Promise.reject(new DomainError("unavailable", "away", { reason: "DATABASE_FULL" }));

describe("EntryQueue", () => {
  let writer: FakeJournalWriter;
  let lost: unknown[];
  let queue: EntryQueue;
  beforeEach(() => {
    writer = new FakeJournalWriter();
    lost = [];
    queue = new EntryQueue(writer, { limits: LIMITS, onLost: (error) => lost.push(error) });
  });
  const paths = () => writer.batches.map((batch) => batch.map(({ path }) => path));

  it("writes what was kept with the next flush, in batches", async () => {
    for (const path of ["1", "2", "3"]) queue.keep(of("a", path));
    expect(writer.batches).to.deep.equal([]);
    await queue.flush();
    expect(paths()).to.deep.equal([["1", "2", "3"]]);
    expect(queue.size).to.equal(0);
  });

  it("writes a full batch by itself", async () => {
    for (const path of ["1", "2"]) queue.keep(of("a", path));
    for (const path of ["3", "4"]) queue.keep(of("b", path));
    await queue.flush();
    expect(paths()).to.deep.equal([["1", "2", "3", "4"]]);
  });

  it("writes at once what an answer waits for, and gathers what comes meanwhile", async () => {
    const { promise: first, resolve: goOn } = Promise.withResolvers<void>();
    writer.answer = () => first;
    queue.keep(of("a", "kept"));
    const entered = [queue.enter(of("a", "1")), queue.enter(of("b", "2")), queue.enter(of("c", "3"))];
    goOn();
    await Promise.all(entered);
    expect(paths()).to.deep.equal([
      ["1", "kept"],
      ["2", "3"],
    ]);
  });

  it("keeps what was not written, and refuses those who wait", async () => {
    writer.answer = away;
    queue.keep(of("a", "kept"));
    const refused = await catchError(() => queue.enter(of("b", "awaited")));
    expect(refused).to.include({ code: "unavailable", reason: "AUDIT_UNAVAILABLE", retryAfterMs: 1000 });
    expect(await catchError(() => queue.flush())).to.include({ reason: "DATABASE_FULL" });
    writer.answer = async () => {};
    await queue.flush();
    expect(paths()).to.deep.equal([["kept"]]);
  });

  it("refuses those who came while a batch was failing as well: none waits for two verdicts", async () => {
    const { promise: first, reject: fail } = Promise.withResolvers<void>();
    writer.answer = () => first;
    const refused = [catchError(() => queue.enter(of("a"))), catchError(() => queue.enter(of("b")))];
    fail(new DomainError("unavailable", "away", { reason: "DATABASE_UNAVAILABLE" }));
    for (const error of await Promise.all(refused)) expect(error).to.include({ reason: "AUDIT_UNAVAILABLE" });
    expect(queue.size).to.equal(0);
  });

  it("says how much found no room, by namespace, as soon as it can", async () => {
    writer.answer = away;
    for (const principal of ["a", "b"]) for (let i = 0; i < 4; i++) queue.keep(of(principal, String(i)));
    queue.keep(sampleEntry({ actor: toActor("c"), times: 7 }));
    queue.keep(sampleEntry({ actor: toActor("c"), namespace: "other" }));
    await catchError(() => queue.flush());
    queue.keep(sampleEntry({ actor: toActor("c") }));
    expect(await catchError(() => queue.enter(of("c")))).to.include({ reason: "AUDIT_UNAVAILABLE" });
    writer.answer = async () => {};
    await queue.flush();
    const omitted = writer.entries.filter(({ action }) => action === "OmitEntries");
    expect(omitted.map(({ namespace, times, actor }) => [namespace, times, actor.principal])).to.deep.equal([
      ["default", 8, "service"],
      ["other", 1, "service"],
    ]);
    expect(writer.entries).to.have.length(10);
  });

  it("keeps room for other callers", async () => {
    writer.answer = away;
    for (let i = 0; i < 6; i++) queue.keep(of("a", String(i)));
    expect(queue.size).to.equal(4);
    queue.keep(of("b"));
    expect(queue.size).to.equal(5);
  });

  it("gives up an entry that cannot be written, and writes the others", async () => {
    const wrong = new Error("this one");
    writer.answer = async (entries) => {
      if (entries.some(({ path }) => path === "poison")) throw wrong;
    };
    for (const path of ["1", "poison", "3"]) queue.keep(of("a", path));
    const refused = catchError(() => queue.enter(of("b", "poison")));
    await queue.flush();
    expect(await refused).to.include({ reason: "AUDIT_UNAVAILABLE" });
    expect(writer.entries.map(({ path }) => path)).to.deep.equal(["1", "3"]);
    expect(lost).to.deep.equal([wrong, wrong]);
  });
});
