import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import type { UploadRepository } from "../domain/upload-repository.ts";
import { expectRefusal, nextUuid } from "../testing/repository-subject.ts";
import { SAMPLE_CALLER } from "../testing/sample-records.ts";
import { until } from "../testing/until.ts";
import { seededBytes } from "../testing/upload-rig.ts";
import { BENCH_PART_BYTES, type Bench, BenchWriter, createBench } from "../testing/writer-bench.ts";
import { type CompleteUploadRequest, commitWritten, completeUpload } from "./complete-upload.ts";

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
  const overtakeAt = (bench: Bench, method: keyof UploadRepository): Pick<Bench, "access"> => {
    let isOvertaken = false;
    const uploads = new Proxy(bench.access.uploads, {
      get:
        (target, name) =>
        async (...parameters: [string]) => {
          if (name === method && !isOvertaken) {
            isOvertaken = true;
            await complete(bench, parameters[0]);
          }
          return await Reflect.apply(Reflect.get(target, name), target, parameters);
        },
    });
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

  it("compares what was declared at creation and at the call, whatever the state", async () => {
    const bench = createBench();
    const wrong = await write(bench, { sizeBytes: 300, expectedCrc32: 1 });
    await expectRefusal(complete(bench, wrong), "CHECKSUM_MISMATCH");
    const uploadId = await write(bench, { sizeBytes: 300, expectedSha256: new Uint8Array(32) });
    await expectRefusal(complete(bench, uploadId, { crc32: 1 }), "CHECKSUM_MISMATCH");
    await expectRefusal(complete(bench, uploadId, { sizeBytes: 1 }), "SIZE_MISMATCH");
    await expectRefusal(complete(bench, uploadId, { sha256: new Uint8Array(31) }), "ARGUMENT_INVALID");
    await expectRefusal(complete(bench, uploadId), "CHECKSUM_MISMATCH");
    const { upload } = await bench.access.uploads.get("default", uploadId);
    expect(upload.state, "read back, and kept").to.equal("assembled");
    await expectRefusal(complete(bench, uploadId, { crc32: 1 }), "CHECKSUM_MISMATCH");
    const done = await write(bench);
    await complete(bench, done);
    await expectRefusal(complete(bench, done, { crc32: 1 }), "CHECKSUM_MISMATCH");
  });

  it("marks an upload that storage has lost", async () => {
    const bench = createBench();
    const uploadId = await write(bench);
    const lost = new DomainError("aborted", "lost", { reason: "UPLOAD_LOST" });
    bench.objects.faults.add("completeMultipart", { kind: "fail", error: lost });
    await expectRefusal(complete(bench, uploadId), "UPLOAD_LOST");
    await expectRefusal(complete(bench, uploadId), "UPLOAD_NOT_OPEN");
  });

  it("reopens an upload of which storage has other parts, and says where to go on", async () => {
    const bench = createBench();
    bench.objects.faults.add("part", { kind: "wrong-etag" }, { partNumber: 2 });
    const uploadId = await write(bench);
    const error = await expectRefusal(complete(bench, uploadId), "CHECKSUM_MISMATCH");
    expect(error.details).to.deep.include({ lost_parts: 1, durable_offset: BENCH_PART_BYTES });
    const { upload, parts } = await bench.access.uploads.get("default", uploadId);
    expect([upload.state, parts.map(({ partNumber }) => partNumber)]).to.deep.equal(["open", [1, 3]]);
  });

  it("refuses to call a file committed that holds another writer's bytes", async () => {
    const bench = createBench();
    const small = { sizeBytes: 50 };
    const [one, two] = [await BenchWriter.open(bench, small), seededBytes(50, 2)];
    await one.send(seededBytes(50, 1));
    const first = await one.writer.finish({ sizeBytes: undefined });
    const other = await BenchWriter.resume(bench, one.uploadId);
    await other.send(two);
    const second = await other.writer.finish({ sizeBytes: undefined });
    const commit = (written: typeof first) => {
      const { upload } = one.begin;
      return commitWritten(bench.access, upload, { written, declared: {}, commit: true });
    };
    await commit(second);
    await commit(second);
    await commit(first).then(
      () => expect.fail("the file holds other bytes"),
      (error) => expect(error.reason).to.equal("CHECKSUM_MISMATCH"),
    );
    await one.writer.close();
    await other.writer.close();
  });
});
