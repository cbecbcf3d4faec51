import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { newUpload, nextIdentity, nextUuid } from "../testing/repository-subject.ts";
import { SAMPLE_CALLER } from "../testing/sample-records.ts";
import { seededBytes } from "../testing/upload-rig.ts";
import { type Bench, BenchWriter, createBench, BENCH_PART_BYTES as PART } from "../testing/writer-bench.ts";
import { completeUpload } from "./complete-upload.ts";
import { finishWritten, type WriteFinish } from "./finish-write.ts";

const bytes = seededBytes(4 * PART);

describe("finishWritten", () => {
  const lanes = [
    { offset: 0, sizeBytes: 2 * PART },
    { offset: 2 * PART, sizeBytes: 2 * PART },
  ] as const;
  const create = async (bench: Bench) => {
    const input = newUpload({ partSizeBytes: PART, sizeBytes: bytes.length, computeSha256: true });
    return (await bench.access.uploads.create(input, nextIdentity())).upload.uploadId;
  };
  /** Writes a lane; the result finishes it. */
  const write = async (bench: Bench, uploadId: string, lane: (typeof lanes)[number]) => {
    const caller = await BenchWriter.resume(bench, uploadId, lane);
    await caller.send(bytes.subarray(lane.offset, lane.offset + lane.sizeBytes), { offset: lane.offset });
    const written = await caller.writer.finish({ sizeBytes: undefined });
    await caller.writer.close();
    return (finish: Partial<WriteFinish> = {}, access = bench.access) =>
      finishWritten(access, caller.begin, { written, finish: { commit: true, ...finish } });
  };

  it("commits with the lane that finds all of the file, and answers the others at once", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    const outcome = await (await write(bench, uploadId, lanes[1]))();
    expect(outcome).to.deep.equal({
      ...{ kind: "lane-done", lane: lanes[1], crc32: crc32(bytes.subarray(2 * PART)) },
      ranges: [lanes[1]],
    });
    const last = await (await write(bench, uploadId, lanes[0]))();
    expect(last.kind === "committed" && last.file.crc32).to.equal(crc32(bytes));
  });

  it("returns the same file to lanes that both find all of it", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    const finishes = [await write(bench, uploadId, lanes[0]), await write(bench, uploadId, lanes[1])];
    const outcomes = await Promise.all(finishes.map((finish) => finish()));
    const ids = outcomes.map((outcome) => outcome.kind === "committed" && outcome.file.fileId);
    expect(ids[0]).to.be.a("string").and.equal(ids[1]);
  });

  it("commits too where another call has done so since it looked for gaps", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    const finish = await write(bench, uploadId, lanes[0]);
    const uploads = new Proxy(bench.access.uploads, {
      get:
        (target, name) =>
        async (...parameters: unknown[]) => {
          if (name === "seal") {
            await write(bench, uploadId, lanes[1]);
            const request = { requestId: nextUuid(), namespace: "default", uploadId };
            await completeUpload(bench.access, request, { caller: SAMPLE_CALLER });
          }
          return await Reflect.apply(Reflect.get(target, name), target, parameters);
        },
    });
    const sha256 = createHash("sha256").update(bytes).digest();
    expect((await finish({ sha256 }, { ...bench.access, uploads })).kind).to.equal("committed");
  });
});
