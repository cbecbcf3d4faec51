import { Readable } from "node:stream";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { expectRefusal } from "../../testing/rigs/database/repository-subject.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { readObject } from "./read-object.ts";

describe("readObject", () => {
  const bytes = seededBytes(1000);
  const object = { bucket: "b", key: "k", versionId: "v", sizeBytes: bytes.length };
  /** Reads from a store whose streams break off after so many bytes each, with or without an error. */
  const read = (lengths: (number | Error)[], { isSilent = false, onBytes = (_bytes: Uint8Array) => {} } = {}) => {
    const offsets: (number | undefined)[] = [];
    const streams = lengths[Symbol.iterator]();
    const store = {
      read: async (_bucket: string, _key: string, { range }: { range?: { offset: number; sizeBytes: number } }) => {
        offsets.push(range?.offset);
        const { offset = 0 } = range ?? {};
        const length = streams.next().value ?? bytes.length;
        if (length instanceof Error) throw length;
        return Readable.from(
          (function* () {
            yield bytes.subarray(offset, offset + length);
            if (offset + length < bytes.length && !isSilent) throw new Error("socket hang up");
          })(),
        );
      },
    };
    const readAll = async () => {
      for await (const some of readObject(store, object)) onBytes(some);
    };
    return { offsets, done: readAll() };
  };

  it("goes on where a stream broke off, with an error or without one", async () => {
    for (const isSilent of [false, true]) {
      const seen: Uint8Array[] = [];
      const { offsets, done } = read([400, 0, 300], { isSilent, onBytes: (some) => void seen.push(some) });
      await done;
      expect(Buffer.concat(seen)).to.deep.equal(bytes);
      expect(offsets).to.deep.equal([0, 400, 400, 700]);
    }
  });

  it("gives up when streams bring nothing", async () => {
    const { offsets, done } = read([400, 0, 0, 0, 0, 0, 0, 0]);
    const error = await expectRefusal(done, "STORAGE_UNAVAILABLE");
    expect(error.message).to.include("600 bytes before the end");
    expect(offsets).to.have.length(6);
  });

  it("passes on what the store refuses, and what takes the bytes", async () => {
    const refusal = new DomainError("data_loss", "gone", { reason: "FILE_NOT_FOUND" });
    expect(await catchError(() => read([refusal]).done)).to.equal(refusal);
    const mistake = new Error("no more");
    const onBytes = () => {
      throw mistake;
    };
    const { offsets, done } = read([400], { onBytes });
    expect(await catchError(() => done)).to.equal(mistake);
    expect(offsets, "not tried again").to.deep.equal([0]);
  });
});
