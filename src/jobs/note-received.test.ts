import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import type { ReceivedNote, UploadWriters } from "../domain/uploads/upload-writers.ts";
import { catchError } from "../testing/samples/sample-records.ts";
import { UploadSessions } from "../transfer/upload-sessions.ts";
import { OwnSlots } from "../transfer/upload-slots.ts";
import { noteReceived } from "./note-received.ts";

describe("noteReceived", () => {
  let told: (readonly ReceivedNote[])[];
  let failure: Error | undefined;
  let sessions: UploadSessions;
  const writers: Pick<UploadWriters, "noteReceived"> = {
    noteReceived: async (notes) => {
      if (failure !== undefined) throw failure;
      told.push(notes);
    },
  };
  const write = async (uploadId: string) => {
    const slot = await sessions.admit("a");
    const note = { uploadId, epoch: 1, receivedBytes: 0 };
    const fail = () => {};
    slot.session = {
      fail,
      silentMs: 0,
      load: { parts: 0, spilledBytes: 0 },
      get received() {
        return { ...note };
      },
    };
    return { slot, note };
  };

  beforeEach(() => {
    [told, failure, sessions] = [[], undefined, new UploadSessions(new OwnSlots(10), { silenceMaxMs: 5000 })];
  });

  it("tells once what each writer has received, and of those that stand still nothing", async () => {
    const [first, second] = [await write("a"), await write("b")];
    await sessions.admit("a");
    first.note.receivedBytes = 5;
    second.note.receivedBytes = 7;
    for (let run = 0; run < 2; run++) await noteReceived({ sessions, writers });
    second.note.receivedBytes = 9;
    await noteReceived({ sessions, writers });
    sessions.release(second.slot);
    second.note.receivedBytes = 11;
    await noteReceived({ sessions, writers });
    expect(told).to.deep.equal([
      [
        { uploadId: "a", epoch: 1, receivedBytes: 5 },
        { uploadId: "b", epoch: 1, receivedBytes: 7 },
      ],
      [{ uploadId: "b", epoch: 1, receivedBytes: 9 }],
    ]);
  });

  it("waits for the next progress where the database is away, and hides no defect", async () => {
    const { note } = await write("a");
    note.receivedBytes = 5;
    failure = new DomainError("unavailable", "it is away", { reason: "DATABASE_UNAVAILABLE" });
    await noteReceived({ sessions, writers });
    note.receivedBytes = 6;
    failure = new Error("a defect");
    expect(await catchError(() => noteReceived({ sessions, writers }))).to.equal(failure);
    note.receivedBytes = 7;
    failure = undefined;
    await noteReceived({ sessions, writers });
    expect(told).to.deep.equal([[{ uploadId: "a", epoch: 1, receivedBytes: 7 }]]);
  });
});
