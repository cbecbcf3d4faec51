import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { expectRefusal } from "../testing/repository-subject.ts";
import { catchError } from "../testing/sample-records.ts";
import { seededBytes } from "../testing/upload-rig.ts";
import { readSha256 } from "./read-sha256.ts";

describe("readSha256", () => {
  const bytes = seededBytes(1000);
  const object = { key: "k", versionId: "v", sizeBytes: bytes.length };
  /** A store whose streams break off after so many bytes each, with or without an error. */
  const read = (lengths: (number | Error)[], isSilent = false) => {
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
    return { offsets, sha256: readSha256(store, "bucket", object) };
  };
  const expected = createHash("sha256").update(bytes).digest();

  it("goes on where a stream broke off, with an error or without one", async () => {
    for (const isSilent of [false, true]) {
      const { offsets, sha256 } = read([400, 0, 300], isSilent);
      expect(await sha256).to.deep.equal(expected);
      expect(offsets).to.deep.equal([0, 400, 400, 700]);
    }
  });

  it("gives up when streams bring nothing", async () => {
    const { offsets, sha256 } = read([400, 0, 0, 0, 0, 0, 0, 0]);
    const error = await expectRefusal(sha256, "STORAGE_UNAVAILABLE");
    expect(error.message).to.include("600 bytes before the end");
    expect(offsets).to.have.length(6);
  });

  it("tells now and then that it reads, and ends where that is refused", async () => {
    const block = Buffer.alloc(32 * 2 ** 20);
    const large = { ...object, sizeBytes: 5 * block.length };
    const store = { read: async () => Readable.from([block, block, block, block, block]) };
    let calls = 0;
    await readSha256(store, "bucket", large, { onReading: async () => void calls++ });
    expect(calls, "every 64 MiB").to.equal(2);
    const refusal = new DomainError("failed_precondition", "committed", { reason: "UPLOAD_NOT_OPEN" });
    const onReading = () => Promise.reject(refusal);
    expect(await catchError(() => readSha256(store, "bucket", large, { onReading }))).to.equal(refusal);
  });

  it("passes on what the store refuses", async () => {
    const refusal = new DomainError("data_loss", "gone", { reason: "FILE_NOT_FOUND" });
    expect(await catchError(() => read([refusal]).sha256)).to.equal(refusal);
  });
});
