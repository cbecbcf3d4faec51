import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { UploadCommits } from "../../domain/uploads/upload-commits.ts";
import { beforeFirst } from "../../testing/fakes/before-calls.ts";
import { expectRefusal, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { BENCH_PART_BYTES, type Bench, BenchWriter, createBench } from "../../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../../testing/samples/sample-records.ts";
import { type CompleteUploadRequest, commitWritten, compareDeclared, completeUpload } from "./complete-upload.ts";
import type { DeclaredContent } from "./declared-content.ts";

const bytes = seededBytes(3 * BENCH_PART_BYTES);

describe("completeUpload", () => {
  const complete = (bench: Pick<Bench, "access">, uploadId: string, request: Partial<CompleteUploadRequest> = {}) =>
    completeUpload(
      bench.access,
      { requestId: nextUuid(), namespace: "default", uploadId, ...request },
      { caller: SAMPLE_CALLER },
    );
  /** An upload whose bytes are all durable. */
  const write = async (bench: Bench, upload: Parameters<typeof BenchWriter.open>[1] = { sizeBytes: bytes.length }) => {
    const caller = await BenchWriter.open(bench, upload);
    await caller.send(bytes);
    await until("all is durable", () => caller.writer.durableBytes === bytes.length);
    await caller.writer.close();
    return caller.uploadId;
  };
  /** Another call that completes the upload right before this method of ours is called, once. */
  const overtakeAt = (bench: Bench, method: keyof UploadCommits): Pick<Bench, "access"> => {
    const uploads = beforeFirst(bench.access.uploads, method, (uploadId) => complete(bench, String(uploadId)));
    return { access: { ...bench.access, uploads } };
  };

  it("returns the same file when another call completes the upload meanwhile, at whatever step", async () => {
    for (const method of ["beginCompletion", "assemble", "commit", "seal", "setSha256"] as const) {
      const bench = createBench();
      const uploadId = await write(bench, {
        sizeBytes: method === "seal" ? undefined : 300,
        computeSha256: method === "setSha256",
      });
      const file = await complete(overtakeAt(bench, method), uploadId, { sizeBytes: 300 });
      expect(file.fileId, method).to.equal((await complete(bench, uploadId)).fileId);
      expect(file.crc32).to.equal(crc32(bytes));
    }
  });

  it("retains the file for as long as its namespace has it, from the commit on", async () => {
    for (const retainDefaultMs of [0, 86_400_000]) {
      const bench = createBench({ namespace: { retainDefaultMs } });
      const file = await complete(bench, await write(bench));
      const until = retainDefaultMs === 0 ? undefined : new Date(file.createTime.getTime() + retainDefaultMs);
      expect(file.retainUntilTime).to.deep.equal(until);
    }
  });

  it("compares what was declared at creation and at the call, whatever the state", async () => {
    const bench = createBench();
    const wrong = await write(bench, { sizeBytes: 300, expectedCrc32: 1 });
    await expectRefusal(complete(bench, wrong), "CHECKSUM_MISMATCH");
    const uploadId = await write(bench, { sizeBytes: 300, expectedSha256: new Uint8Array(32) });
    await expectRefusal(complete(bench, uploadId, { crc32: 1 }), "CHECKSUM_MISMATCH");
    await expectRefusal(complete(bench, uploadId, { sizeBytes: 1 }), "SIZE_MISMATCH");
    await expectRefusal(complete(bench, uploadId, { sha256: new Uint8Array(31) }), "ARGUMENT_INVALID");
    await expectRefusal(complete(bench, uploadId), "CHECKSUM_MISMATCH");
    const { upload } = await bench.access.uploads.catalogue.get("default", uploadId);
    expect(upload.state, "read back, and kept").to.equal("assembled");
    await expectRefusal(complete(bench, uploadId, { crc32: 1 }), "CHECKSUM_MISMATCH");
    const done = await write(bench);
    await complete(bench, done);
    await expectRefusal(complete(bench, done, { crc32: 1 }), "CHECKSUM_MISMATCH");
  });

  it("compares what a late finish without a commit declares, while the commit is under way", async () => {
    const bench = createBench();
    const uploadId = await write(bench);
    await bench.access.uploads.commits.beginCompletion(uploadId, { crc32: crc32(bytes) });
    const { upload, parts } = await bench.access.uploads.catalogue.get("default", uploadId);
    const compare = (declared: DeclaredContent) => compareDeclared(bench.access, upload, { parts, declared });
    const sha256 = createHash("sha256").update(bytes).digest();
    await compare({ crc32: crc32(bytes), sizeBytes: bytes.length });
    await expectRefusal(compare({ crc32: 1 }), "CHECKSUM_MISMATCH");
    expect((await bench.access.uploads.catalogue.get("default", uploadId)).upload.state).to.equal("completing");
    await expectRefusal(compare({ sha256: new Uint8Array(32) }), "CHECKSUM_MISMATCH");
    await compare({ sha256 });
    expect((await complete(bench, uploadId, { sha256 })).sha256).to.deep.equal(sha256);
    await expectRefusal(complete(bench, uploadId, { sha256: new Uint8Array(32) }), "CHECKSUM_MISMATCH");
  });

  it("leaves an upload completing of which storage shows nothing, whoever asks and however often", async () => {
    const bench = createBench();
    const uploadId = await write(bench);
    for (const multipartId of bench.objects.pendingMultiparts) bench.objects.forgetMultipart(multipartId);
    for (const _ of [1, 2, 3]) {
      const error = await expectRefusal(complete(bench, uploadId), "STORAGE_UNAVAILABLE");
      expect(error).to.have.property("code", "unavailable");
      expect(error.retryAfterMs).to.be.greaterThan(0);
      expect((await bench.access.uploads.catalogue.get("default", uploadId)).upload.state).to.equal("completing");
    }
    const { upload } = await bench.access.uploads.catalogue.get("default", uploadId);
    bench.objects.overwrite("bucket", upload.s3Key, bytes);
    expect((await complete(bench, uploadId)).crc32, "S3 has assembled after all").to.equal(crc32(bytes));
  });

  it("reopens an upload of which storage has other parts, and says where to go on", async () => {
    const bench = createBench();
    bench.objects.faults.add("part", { kind: "wrong-etag" }, { partNumber: 2 });
    const uploadId = await write(bench);
    const error = await expectRefusal(complete(bench, uploadId), "CHECKSUM_MISMATCH");
    expect(error.details).to.deep.include({ lost_parts: 1, durable_offset: BENCH_PART_BYTES });
    const { upload, parts } = await bench.access.uploads.catalogue.get("default", uploadId);
    expect([upload.state, parts.map(({ partNumber }) => partNumber)]).to.deep.equal(["open", [1, 3]]);
  });

  describe("by writers of which one is fenced", () => {
    /** Two writers of one file, the second newer, both with all their bytes in storage. */
    const openRivals = async (bench: Bench, upload: Parameters<typeof BenchWriter.open>[1], sizeBytes: number) => {
      const older = await BenchWriter.open(bench, upload);
      await older.send(seededBytes(sizeBytes, 1));
      const first = await older.writer.finish({ sizeBytes: undefined });
      const newer = await BenchWriter.resume(bench, older.uploadId);
      const commit = (caller: BenchWriter, written: typeof first, options: { commit?: boolean } = {}) => {
        const { upload: begun, epoch } = caller.begin;
        return commitWritten(bench.access, begun, { written, declared: {}, commit: true, epoch, ...options });
      };
      const close = async () => {
        await older.writer.close();
        await newer.writer.close();
      };
      return { older, newer, first, commit, close };
    };

    it("refuses the older whose one-part file is there first, commits the newer, and leaves the loser's bytes to the sweeper", async () => {
      const bench = createBench();
      const { older, newer, first, commit, close } = await openRivals(bench, { sizeBytes: 50 }, 50);
      const { uploadId } = older;
      for (const isCommit of [true, false]) {
        await expectRefusal(commit(older, first, { commit: isCommit }), "WRITER_FENCED");
      }
      expect((await bench.access.uploads.catalogue.get("default", uploadId)).upload.state).to.equal("open");
      const bytesOfNewer = seededBytes(50, 2);
      await newer.send(bytesOfNewer);
      const second = await newer.writer.finish({ sizeBytes: undefined });
      const file = await commit(newer, second);
      expect(file?.crc32).to.equal(crc32(bytesOfNewer));
      expect((await commit(newer, second))?.fileId, "repeated").to.equal(file?.fileId);
      await expectRefusal(commit(older, first), "WRITER_FENCED");
      const { s3Key } = older.begin.upload;
      expect(bench.objects.keys).to.deep.equal([`${s3Key}.1`, `${s3Key}.2`]);
      expect(file?.s3Key).to.equal(`${s3Key}.2`);
      await close();
    });

    it("refuses the older whose parts are all durable, whether it commits or seals", async () => {
      const bench = createBench();
      const { older, newer, first, commit, close } = await openRivals(bench, {}, 250);
      for (const isCommit of [true, false]) {
        await expectRefusal(commit(older, first, { commit: isCommit }), "WRITER_FENCED");
      }
      const { upload } = await bench.access.uploads.catalogue.get("default", older.uploadId);
      expect(upload).to.deep.include({ state: "open", sizeBytes: undefined });
      const file = await commit(newer, await newer.writer.finish({ sizeBytes: undefined }));
      expect(file?.sizeBytes).to.equal(250);
      await close();
    });

    it("refuses a repetition of the commit with other bytes", async () => {
      const bench = createBench();
      const { newer, first, commit, close } = await openRivals(bench, { sizeBytes: 50 }, 50);
      await newer.send(seededBytes(50, 2));
      await commit(newer, await newer.writer.finish({ sizeBytes: undefined }));
      await expectRefusal(commit(newer, first), "CHECKSUM_MISMATCH");
      await close();
    });
  });
});
