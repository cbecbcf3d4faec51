import type { JournalWriter, NewEntry } from "../../domain/journal/new-entry.ts";

/** An entry that says that the development caller read "a.txt". */
export function sampleEntry(overrides: Partial<NewEntry> = {}): NewEntry {
  return {
    namespace: "default",
    action: "GetFile",
    outcome: "done",
    resource: { kind: "file" },
    actor: { principal: "dev:local", tokenKind: "dev", address: "192.0.2.1" },
    path: "a.txt",
    dataSubject: "",
    time: new Date("2026-11-30T12:00:00Z"),
    times: 1,
    ...overrides,
  };
}

/** A writer that keeps what it is given, and fails or waits when the test says so. */
export class FakeJournalWriter implements JournalWriter {
  readonly batches: (readonly NewEntry[])[] = [];
  /** What the next batches are to wait for, or fail by. */
  answer: (entries: readonly NewEntry[]) => Promise<void> = async () => {};

  async enter(entries: readonly NewEntry[]): Promise<void> {
    await this.answer(entries);
    this.batches.push(entries);
  }

  get entries(): NewEntry[] {
    return this.batches.flat();
  }
}
