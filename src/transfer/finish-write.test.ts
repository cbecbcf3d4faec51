import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { assembleUpload } from "../commands/uploads/assemble-upload.ts";
import { completeUpload } from "../commands/uploads/complete-upload.ts";
import type { UploadCommits } from "../domain/uploads/upload-commits.ts";
import { beforeFirst } from "../testing/fakes/before-calls.ts";
import {
  beginNext,
  expectRefusal,
  newUpload,
  nextIdentity,
  nextUuid,
} from "../testing/rigs/database/repository-subject.ts";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import {
  type Bench,
  BenchWriter,
  createBench,
  BENCH_PART_BYTES as PART,
} from "../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import { finishUnwritten, finishWritten, type WriteFinish, type WriteOutcome } from "./finish-write.ts";

const bytes = seededBytes(4 * PART);
const sha256 = createHash("sha256").update(bytes).digest();

describe("finishWritten", () => {
  const lanes = [
    { offset: 0, sizeBytes: 2 * PART },
    { offset: 2 * PART, sizeBytes: 2 * PART },
  ] as const;
  const create = async (bench: Bench) => {
    const input = newUpload({ partSizeBytes: PART, sizeBytes: bytes.length, computeSha256: true });
    return (await bench.access.uploads.catalogue.create(input, nextIdentity())).upload.uploadId;
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
      kind: "lane-done",
      lane: lanes[1],
      crc32: crc32(bytes.subarray(2 * PART)),
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

  for (const sizeBytes of [PART, bytes.length]) {
    it(`seals a file of ${sizeBytes / PART} parts where the finish wants no commit, and leaves that to CompleteUpload`, async () => {
      const bench = createBench();
      const caller = await BenchWriter.open(bench, { sizeBytes });
      await caller.send(bytes.subarray(0, sizeBytes));
      const written = await caller.writer.finish({ sizeBytes: undefined });
      await caller.writer.close();
      const outcome = await finishWritten(bench.access, caller.begin, { written, finish: { commit: false } });
      expect(outcome).to.deep.equal({ kind: "sealed" });
      const request = { requestId: nextUuid(), namespace: "default", uploadId: caller.uploadId };
      const file = await completeUpload(bench.access, request, { caller: SAMPLE_CALLER });
      expect(file.crc32).to.equal(crc32(bytes.subarray(0, sizeBytes)));
    });
  }

  it("commits too where another call has done so since it looked for gaps", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    const finish = await write(bench, uploadId, lanes[0]);
    const uploads = beforeFirst(bench.access.uploads, "seal", async () => {
      await write(bench, uploadId, lanes[1]);
      const request = { requestId: nextUuid(), namespace: "default", uploadId };
      await completeUpload(bench.access, request, { caller: SAMPLE_CALLER });
    });
    expect((await finish({ sha256 }, { ...bench.access, uploads })).kind).to.equal("committed");
  });
});

describe("a finish while another call commits the upload", () => {
  const complete = (bench: Bench, uploadId: string) =>
    completeUpload(bench.access, { requestId: nextUuid(), namespace: "default", uploadId }, { caller: SAMPLE_CALLER });
  /** Another call that commits right before this method of ours is called. */
  const overtakeAt = (bench: Bench, method: keyof UploadCommits, uploadId: string) => ({
    ...bench.access,
    uploads: beforeFirst(bench.access.uploads, method, () => complete(bench, uploadId)),
  });
  /** An upload whose bytes are all durable. */
  const writeAll = async (bench: Bench) => {
    const caller = await BenchWriter.open(bench, { sizeBytes: bytes.length });
    await caller.send(bytes);
    await caller.writer.finish({ sizeBytes: undefined });
    await caller.writer.close();
    return caller.uploadId;
  };
  /** The same, assembled; resolves to how a stream begins then. */
  const assembleAll = async (bench: Bench, uploadId: string) => {
    await bench.access.uploads.commits.beginCompletion(uploadId, { crc32: crc32(bytes) });
    const { upload, parts } = await bench.access.uploads.catalogue.get("default", uploadId);
    await assembleUpload(bench.access, upload, { parts, epoch: undefined });
    return await beginNext(bench.access, { uploadId });
  };
  const expectOneFile = async (bench: Bench, uploadId: string, outcome: WriteOutcome) => {
    const file = await complete(bench, uploadId);
    expect(outcome.kind === "committed" && outcome.file.fileId).to.equal(file.fileId);
    expect(file.generation).to.equal(1);
  };
  const finish = { commit: true, sha256 };

  for (const method of ["noteCommit", "setSha256", "commit"] as const) {
    it(`answers a stream whose bytes were durable before it began with the file, also at ${method}`, async () => {
      const bench = createBench();
      const uploadId = await writeAll(bench);
      const begin = await assembleAll(bench, uploadId);
      const access = overtakeAt(bench, method, uploadId);
      await expectOneFile(bench, uploadId, await finishUnwritten(access, begin, finish));
    });

    it(`answers the stream of a one-part file with it, also at ${method}`, async () => {
      const bench = createBench();
      const part = bytes.subarray(0, PART);
      const caller = await BenchWriter.open(bench, { sizeBytes: part.length });
      await caller.send(part);
      const written = await caller.writer.finish({ sizeBytes: undefined });
      await caller.writer.close();
      const declared = { ...finish, sha256: createHash("sha256").update(part).digest() };
      const access = overtakeAt(bench, method, caller.uploadId);
      const outcome = await finishWritten(access, caller.begin, { written, finish: declared });
      await expectOneFile(bench, caller.uploadId, outcome);
    });
  }

  it("refuses it where the file has another SHA-256 than the stream declares", async () => {
    const bench = createBench();
    const uploadId = await writeAll(bench);
    const begin = await assembleAll(bench, uploadId);
    const declared = { commit: true, sha256: new Uint8Array(32) };
    await expectRefusal(
      finishUnwritten(overtakeAt(bench, "setSha256", uploadId), begin, declared),
      "CHECKSUM_MISMATCH",
    );
  });

  it("compares what a stream declares that leaves the commit to others", async () => {
    const bench = createBench();
    const uploadId = await writeAll(bench);
    const begin = await assembleAll(bench, uploadId);
    const access = overtakeAt(bench, "setSha256", uploadId);
    expect(await finishUnwritten(access, begin, { commit: false, sha256 })).to.deep.equal({ kind: "sealed" });
  });
});
