import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import type { UploadCommits } from "../../domain/uploads/upload-commits.ts";
import { beforeFirst } from "../../testing/fakes/before-calls.ts";
import { expectRefusal, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { BENCH_PART_BYTES, type Bench, BenchWriter, createBench } from "../../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../../testing/samples/sample-records.ts";
import { commitUpload, completeUpload } from "./complete-upload.ts";
import type { UploadAccess } from "./upload-access.ts";

const PART = BENCH_PART_BYTES;
const bytes = seededBytes(4 * PART);
const whole = bytes.subarray(0, 3 * PART);

describe("assembleUpload", () => {
  const complete = (access: UploadAccess, uploadId: string, request: { sizeBytes?: number } = {}) =>
    completeUpload(
      access,
      { requestId: nextUuid(), namespace: "default", uploadId, ...request },
      { caller: SAMPLE_CALLER },
    );
  const take = async (bench: Bench, uploadId: string) => await bench.access.uploads.catalogue.get("default", uploadId);
  /** A live writer of an upload, with three durable parts. */
  const write = async (bench: Bench, upload: Parameters<typeof BenchWriter.open>[1] = {}) => {
    const caller = await BenchWriter.open(bench, upload);
    await caller.send(whole);
    await until("three parts are durable", () => caller.writer.durableBytes === whole.length);
    return caller;
  };
  /** Does something right before this method of the repository is called, once. */
  const before = (bench: Bench, method: keyof UploadCommits, act: () => Promise<unknown>): UploadAccess => ({
    ...bench.access,
    uploads: beforeFirst(bench.access.uploads, method, act),
  });

  describe("of an upload of unknown size whose writer is alive", () => {
    const refusals = { seal: undefined, beginCompletion: "SIZE_MISMATCH", assemble: "UPLOAD_NOT_OPEN" } as const;
    const retries = {
      "another call": (bench: Bench, uploadId: string) => complete(bench.access, uploadId),
      "the sweeper": async (bench: Bench, uploadId: string) => {
        const { upload, parts } = await take(bench, uploadId);
        return await commitUpload(bench.access, upload, { parts, declared: {} });
      },
    };
    for (const method of ["seal", "beginCompletion", "assemble"] as const) {
      for (const fault of ["none", "fail", "lost-answer"] as const) {
        for (const [who, retry] of Object.entries(retries)) {
          if (fault === "none" && who === "the sweeper") continue;
          const what = fault === "none" ? "works" : `fails (${fault}) and ${who} tries again`;
          it(`is of the sealed bytes when a part comes right before ${method}, and Complete ${what}`, async () => {
            const bench = createBench();
            const caller = await write(bench);
            const { uploadId } = caller;
            if (fault !== "none") bench.objects.faults.add("completeMultipart", { kind: fault });
            let refusal: unknown;
            const access = before(bench, method, async () => {
              await caller.send(bytes.subarray(3 * PART), { offset: 3 * PART }).catch(() => {});
              const recorded = until("the part is durable", () => caller.writer.durableBytes === bytes.length);
              refusal = await Promise.race([caller.failed, recorded]);
            });
            const completing = complete(access, uploadId, { sizeBytes: whole.length });
            if (fault === "none" || method === "assemble") {
              await completing.catch((error) => expect(error.reason).to.equal("STORAGE_UNAVAILABLE"));
            } else await expectRefusal(completing, "STORAGE_UNAVAILABLE");
            const file = await retry(bench, uploadId);
            expect(file).to.deep.include({ sizeBytes: whole.length, crc32: crc32(whole) });
            expect(bench.objects.bytesOf("bucket", file.s3Key)).to.deep.equal(whole);
            expect(bench.objects.keys).to.deep.equal([file.s3Key]);
            expect(bench.objects.pendingMultiparts).to.deep.equal([]);
            if (fault === "none" || method !== "assemble") {
              expect((refusal as DomainError | undefined)?.reason).to.equal(refusals[method]);
            }
            const { parts } = await take(bench, uploadId);
            expect(parts).to.have.length(3);
            await caller.writer.close();
          });
        }
      }
    }

    it("refuses a declared size below what is durable, and keeps all", async () => {
      const bench = createBench();
      const { uploadId, writer } = await write(bench);
      const error = await expectRefusal(complete(bench.access, uploadId, { sizeBytes: 200 }), "SIZE_MISMATCH");
      expect(error.details).to.include({ size_bytes: 300, declared_size_bytes: 200 });
      await writer.close();
      const { upload, parts } = await take(bench, uploadId);
      expect([upload.state, upload.sizeBytes, parts.length]).to.deep.equal(["open", undefined, 3]);
    });

    it("refuses a finish below a part that came by another way", async () => {
      const bench = createBench();
      const { upload: created } = (await BenchWriter.open(bench)).begin;
      const { uploadId } = created;
      const options = { instance: "bench", expireAfterMs: 1000 };
      const part = { partNumber: 5, lengthBytes: PART };
      const begun = await bench.access.uploads.writers.beginPart("default", uploadId, part, options);
      const epoch = begun.kind === "begun" ? begun.epoch : 0;
      const durable = { ...part, crc32: 1, etag: "e" };
      await bench.access.uploads.writers.recordParts(uploadId, epoch, [durable], { isLast: true });
      const caller = await BenchWriter.resume(bench, uploadId);
      await caller.send(whole);
      const error = await expectRefusal(caller.writer.finish({ sizeBytes: undefined }), "SIZE_MISMATCH");
      expect(error.details).to.include({ size_bytes: 500, declared_size_bytes: 300 });
      await caller.writer.close();
    });
  });

  describe("where storage and the rows differ", () => {
    it("tells the ranges that are lost, bounded, and takes them again", async () => {
      const bench = createBench();
      const sizeBytes = 50 * PART;
      const all = seededBytes(sizeBytes, 7);
      for (let part = 2; part <= 50; part += 2) {
        bench.objects.faults.add("part", { kind: "wrong-etag" }, { partNumber: part });
      }
      const caller = await BenchWriter.open(bench, { sizeBytes });
      await caller.send(all, { chunkBytes: PART });
      await until("all is durable", () => caller.writer.durableBytes === sizeBytes);
      const error = await expectRefusal(complete(bench.access, caller.uploadId), "CHECKSUM_MISMATCH");
      const told = Array.from({ length: 16 }, (_, index) => `${(2 * index + 1) * PART}-${(2 * index + 2) * PART - 1}`);
      expect(error.details).to.deep.include({
        lost_parts: 25,
        durable_offset: PART,
        missing_ranges: `${told.join(", ")} and 9 more`,
      });
      await caller.writer.close();
      const again = await BenchWriter.resume(bench, caller.uploadId);
      await again.send(all, { chunkBytes: PART });
      await again.writer.finish({ sizeBytes });
      expect((await complete(bench.access, caller.uploadId)).crc32).to.equal(crc32(all));
      await again.writer.close();
    });

    it("opens the upload again without a gap when storage denies the whole, and loses no part by that", async () => {
      const bench = createBench();
      const { uploadId, writer } = await write(bench, { sizeBytes: whole.length });
      const denial = new DomainError("aborted", "storage saw other bytes", { reason: "CHECKSUM_MISMATCH" });
      bench.objects.faults.add("completeMultipart", { kind: "fail", error: denial });
      const error = await expectRefusal(complete(bench.access, uploadId), "CHECKSUM_MISMATCH");
      expect(error.details).to.deep.equal({ lost_parts: 0, durable_offset: whole.length });
      expect((await take(bench, uploadId)).upload.state).to.equal("open");
      expect((await complete(bench.access, uploadId)).crc32).to.equal(crc32(whole));
      await writer.close();
    });

    it("counts parts as lost whose CRC32 storage does not state: an ETag alone proves nothing", async () => {
      const bench = createBench();
      const { uploadId, writer } = await write(bench, { sizeBytes: whole.length });
      const denial = new DomainError("aborted", "storage has other parts", { reason: "CHECKSUM_MISMATCH" });
      bench.objects.faults.add("completeMultipart", { kind: "fail", error: denial });
      const listParts: ObjectStore["listParts"] = async (target) =>
        (await bench.objects.listParts(target))?.map((part) => ({ ...part, crc32: undefined }));
      const objects = { listParts, completeMultipart: bench.objects.completeMultipart.bind(bench.objects) };
      const access = { ...bench.access, objects: objects as unknown as ObjectStore };
      const error = await expectRefusal(complete(access, uploadId), "CHECKSUM_MISMATCH");
      expect(error.details).to.include({ lost_parts: 3, durable_offset: 0 });
      await writer.close();
    });

    it("never opens an upload again whose object has other bytes, and deletes nothing", async () => {
      const bench = createBench();
      const { uploadId, writer, begin } = await write(bench, { sizeBytes: whole.length });
      for (const multipartId of bench.objects.pendingMultiparts) bench.objects.forgetMultipart(multipartId);
      bench.objects.overwrite("bucket", begin.upload.s3Key, seededBytes(300, 9));
      const error = await expectRefusal(complete(bench.access, uploadId), "CHECKSUM_MISMATCH");
      expect(error).to.have.property("code", "data_loss");
      const { upload, parts } = await take(bench, uploadId);
      expect([upload.state, parts.length]).to.deep.equal(["completing", 3]);
      bench.objects.overwrite("bucket", upload.s3Key, whole);
      expect((await complete(bench.access, uploadId)).crc32, "mended").to.equal(crc32(whole));
      await writer.close();
    });

    it("leaves an upload completing that another call has assembled since its parts were denied", async () => {
      const bench = createBench();
      const { uploadId, writer, begin } = await write(bench, { sizeBytes: whole.length });
      const denial = new DomainError("aborted", "storage has other parts", { reason: "CHECKSUM_MISMATCH" });
      bench.objects.faults.add("completeMultipart", { kind: "fail", error: denial });
      for (const multipartId of bench.objects.pendingMultiparts) bench.objects.forgetMultipart(multipartId);
      bench.objects.overwrite("bucket", begin.upload.s3Key, whole);
      await expectRefusal(complete(bench.access, uploadId), "STORAGE_UNAVAILABLE");
      const { upload, parts } = await take(bench, uploadId);
      expect([upload.state, parts.length]).to.deep.equal(["completing", 3]);
      expect((await complete(bench.access, uploadId)).crc32).to.equal(crc32(whole));
      await writer.close();
    });

    it("asks storage for nothing when the rows do not make the frozen bytes", async () => {
      const bench = createBench();
      const { uploadId, writer } = await write(bench, { sizeBytes: whole.length });
      await bench.access.uploads.commits.beginCompletion(uploadId, { crc32: 1 });
      const error = await expectRefusal(complete(bench.access, uploadId), "CHECKSUM_MISMATCH");
      expect(error).to.have.property("code", "data_loss");
      expect(bench.objects.keys).to.deep.equal([]);
      expect((await take(bench, uploadId)).upload.state).to.equal("completing");
      await writer.close();
    });
  });
});
