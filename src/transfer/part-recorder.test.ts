import { expect } from "chai";
import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import type { DurablePart } from "../domain/uploads/upload.ts";
import { WHOLE_FILE } from "../domain/uploads/writer-range.ts";
import { sampleUpload } from "../testing/samples/sample-records.ts";
import { PartRecorder } from "./part-recorder.ts";

const PART_BYTES = 100;
const partOf = (partNumber: number, lengthBytes = PART_BYTES): DurablePart => ({
  partNumber,
  lengthBytes,
  crc32: 0,
  etag: `e${partNumber}`,
});

describe("PartRecorder", () => {
  const upload = sampleUpload({ partSizeBytes: PART_BYTES, sizeBytes: 550 });
  const access = {
    uploads: { writers: { recordParts: async () => {} } },
    databaseBackoff: { triesMax: 1, baseDelayMs: 1, delayMaxMs: 1, timeMaxMs: 1000, random: Math.random },
  } as unknown as UploadAccess;

  it("says up to where the bytes are durable without a gap, whatever order the parts come in", async () => {
    const recorder = new PartRecorder(access, { upload, epoch: 1, range: WHOLE_FILE, parts: [partOf(1), partOf(3)] });
    const offsets = [recorder.durableOffset];
    for (const part of [partOf(5), partOf(2), partOf(6, 50), partOf(4)]) {
      await recorder.record(part);
      offsets.push(recorder.durableOffset);
    }
    expect(offsets).to.deep.equal([100, 100, 300, 300, 550]);
    expect(recorder.durableBytes).to.equal(550);
  });

  it("begins where the writer's range does", async () => {
    const recorder = new PartRecorder(access, { upload, epoch: 1, range: { start: 200, end: 400 }, parts: [] });
    expect(recorder.durableOffset).to.equal(200);
    await recorder.record(partOf(4));
    expect(recorder.durableOffset).to.equal(200);
    await recorder.record(partOf(3));
    expect(recorder.durableOffset).to.equal(400);
  });
});
