import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { readSha256 } from "./read-sha256.ts";

describe("readSha256", () => {
  const object = { key: "k", versionId: "v", sizeBytes: 1000 };

  it("sums all bytes, over as many streams as that takes", async () => {
    const bytes = seededBytes(1000);
    const store = {
      read: async (_bucket: string, _key: string, { range }: { range?: { offset: number; sizeBytes: number } }) =>
        Readable.from([bytes.subarray(range?.offset, (range?.offset ?? 0) + 300)]),
    };
    expect(await readSha256(store, "bucket", object)).to.deep.equal(createHash("sha256").update(bytes).digest());
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
});
