import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { toFileEtag } from "../../domain/files/file.ts";
import {
  commitFile,
  createOpen,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
} from "../../testing/rigs/database/repository-subject.ts";
import { send } from "../../testing/rigs/storage/object-store-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { createBench } from "../../testing/rigs/uploads/writer-bench.ts";
import { catchError, NO_VALUES, SAMPLE_CALLER } from "../../testing/samples/sample-records.ts";
import { type CopyFileRequest, type CopyLimits, createFileCopier } from "./copy-file.ts";

/** Above 100 bytes in parts of 40. */
const LIMITS = {
  objectMaxBytes: 100,
  partSizeBytes: 40,
  partsInFlightMax: 2,
  partsPerStepMax: 10_000,
  otherCall: { triesMax: 10_000, baseDelayMs: 1, delayMaxMs: 1, timeMaxMs: 60_000, random: () => 1 },
};

describe("createFileCopier", () => {
  const open = (limits: Partial<CopyLimits> = {}) => {
    const bench = createBench();
    const { access, files, objects } = bench;
    const copyFile = createFileCopier({ ...access, files }, { ...LIMITS, ...limits });
    /** A file whose bytes are stored. */
    const store = async (lengthBytes: number, path = nextPath()) => {
      const { uploadId, bucket, s3Key } = await createOpen(access, { path });
      const bytes = seededBytes(lengthBytes);
      const key = `${s3Key}.1`;
      await send(objects.beginPut({ bucket, contentType: "", beginAttempt: async () => key }, lengthBytes), bytes);
      const sha256 = Buffer.alloc(32, 9);
      const object = { key, versionId: "", etag: "e", sizeBytes: lengthBytes, crc32: crc32(bytes), sha256 };
      const options = { fileId: nextUuid(), retentionMs: RETENTION_MS, object };
      const { file } = (await access.uploads.commits.commit(uploadId, options)).upload;
      return { bytes, file: file as NonNullable<typeof file> };
    };
    const copy = (path: string, request: Partial<CopyFileRequest> = {}) =>
      copyFile(
        {
          requestId: nextUuid(),
          namespace: "default",
          path,
          targetPath: `${path}.copy`,
          etag: "",
          values: NO_VALUES,
          updateMask: undefined,
          ...request,
        },
        { caller: SAMPLE_CALLER },
      );
    const refusalOf = async (path: string, request: Partial<CopyFileRequest> = {}) =>
      (await catchError(() => copy(path, request))) as DomainError;
    return { ...bench, store, copy, refusalOf };
  };

  for (const lengthBytes of [0, 1, 100, 101, 120, 200]) {
    it(`copies a file of ${lengthBytes} bytes with what is said of it`, async () => {
      const { objects, store, copy } = open();
      const { bytes, file } = await store(lengthBytes);
      const copied = await copy(file.path);
      const { contentType, metadata, labels, dataSubject, sizeBytes, sha256 } = file;
      const same = { contentType, metadata, labels, dataSubject, sizeBytes, crc32: file.crc32, sha256 };
      expect(copied).to.deep.include({ ...same, path: `${file.path}.copy`, generation: 1 });
      expect(copied.s3Key).to.not.equal(file.s3Key);
      expect(objects.bytesOf("bucket", copied.s3Key)).to.deep.equal(bytes);
      expect(objects.bytesOf("bucket", file.s3Key)).to.deep.equal(bytes);
      expect(objects.pendingMultiparts).to.deep.equal([]);
    });
  }

  it("copies no file that lies in a region that is not allowed any more", async () => {
    const { access, files, copy } = open();
    const { path } = await commitFile(access, nextPath(), { bucket: "former", region: "us-east-1" });
    expect(await catchError(() => copy(path))).to.include({ reason: "RESIDENCY_VIOLATION" });
    expect(await catchError(() => files.get("default", `${path}.copy`))).to.include({ reason: "FILE_NOT_FOUND" });
  });

  it("says of the copy what the mask names", async () => {
    const { store, copy, refusalOf } = open();
    const { file } = await store(5);
    const values = { ...NO_VALUES, labels: { new: "x" }, contentType: "text/css" };
    expect(await copy(file.path, { values })).to.deep.include({ labels: { new: "x" }, contentType: "text/css" });
    const some = await copy(file.path, { values, updateMask: ["labels.new", "data_subject"], targetPath: "b" });
    expect(some).to.deep.include({ labels: { ...file.labels, new: "x" }, dataSubject: "", metadata: file.metadata });
    for (const updateMask of [["legal_hold"], ["retain_until_time"], ["size_bytes"], []]) {
      expect(await refusalOf(file.path, { values, updateMask })).to.include({ field: "update_mask" });
    }
    expect(await refusalOf(file.path, { values: { ...NO_VALUES, labels: { A: "" } } })).to.include({ field: "labels" });
  });

  it("copies an older generation over the live one", async () => {
    const { files, store, copy } = open();
    const { bytes, file } = await store(10);
    await store(20, file.path);
    const copied = await copy(file.path, { generation: 1, targetPath: file.path, ifTargetGenerationMatch: 2 });
    expect(copied).to.include({ generation: 3, sizeBytes: bytes.length });
    expect((await files.get("default", file.path, { generation: 2 })).supersedeTime).to.not.equal(undefined);
  });

  it("checks source and target before it copies", async () => {
    const { files, objects, store, copy, refusalOf } = open();
    const { file } = await store(10);
    const other = await store(10);
    const { path } = file;
    const refusals: [Partial<CopyFileRequest>, object][] = [
      [{ etag: "other" }, { reason: "ETAG_MISMATCH" }],
      [{ targetPath: other.file.path, ifTargetGenerationMatch: 0 }, { reason: "GENERATION_MISMATCH" }],
      [{ ifTargetGenerationMatch: -1 }, { field: "if_target_generation_match" }],
      [{ generation: 2 }, { reason: "FILE_NOT_FOUND" }],
      [{ generation: 0 }, { field: "generation" }],
      [{ targetPath: "a/" }, { reason: "PATH_INVALID", field: "target_path" }],
      [{ namespace: "x" }, { reason: "NAMESPACE_NOT_FOUND" }],
      [{ requestId: "x" }, { reason: "REQUEST_ID_INVALID" }],
    ];
    for (const [request, refusal] of refusals) expect(await refusalOf(path, request)).to.include(refusal);
    expect(objects.keys).to.have.lengthOf(2);
    expect((await copy(path, { etag: toFileEtag(file) })).generation).to.equal(1);
    await files.delete("default", path, { identity: nextIdentity(), retentionMs: RETENTION_MS });
    expect(await refusalOf(path)).to.include({ reason: "FILE_NOT_FOUND" });
    expect(await refusalOf(path, { generation: 1 })).to.include({ reason: "FILE_NOT_FOUND" });
    await files.beginPurge("default", path, { identity: nextIdentity() });
    expect(await refusalOf(path, { generation: 1 })).to.include({ reason: "FILE_PURGED" });
  });

  it("gives a repeated call its first answer, whatever has become of the source", async () => {
    const { files, store, copy } = open();
    const { file } = await store(150);
    const requestId = nextUuid();
    const first = await copy(file.path, { requestId });
    await files.delete("default", file.path, { identity: nextIdentity(), retentionMs: RETENTION_MS });
    expect(await copy(file.path, { requestId })).to.deep.equal(first);
    const other = await catchError(() => copy(file.path, { requestId, targetPath: "else" }));
    expect(other).to.include({ reason: "REQUEST_ID_REUSED" });
  });

  it("goes on from the parts that are durable when a part has failed", async () => {
    const { objects, store, copy, refusalOf } = open();
    const { bytes, file } = await store(200);
    const requestId = nextUuid();
    for (const kind of ["fail", "lost-answer"] as const) {
      objects.faults.add("copyPart", { kind }, { partNumber: 4 });
      expect(await refusalOf(file.path, { requestId })).to.include({ reason: "STORAGE_UNAVAILABLE" });
    }
    for (const partNumber of [1, 2, 3]) objects.faults.add("copyPart", { kind: "fail" }, { partNumber });
    const copied = await copy(file.path, { requestId });
    expect(objects.bytesOf("bucket", copied.s3Key)).to.deep.equal(bytes);
    expect(objects.faults.pending).to.equal(3);
  });

  describe("asked for twice with one request id, at two replicas", () => {
    for (const lengthBytes of [50, 120]) {
      const operation = lengthBytes > LIMITS.objectMaxBytes ? "copyPart" : "copyObject";

      it(`answers both calls with the copy, of ${lengthBytes} bytes, whichever ends first`, async () => {
        for (const endsFirst of ["older", "newer"]) {
          const { objects, store, copy } = open();
          const { bytes, file } = await store(lengthBytes);
          const requestId = nextUuid();
          const begin = async () => {
            const hang = objects.faults.add(operation, { kind: "hang" });
            const copying = copy(file.path, { requestId });
            await until("it copies", () => objects.faults.pending === 0);
            return { hang, copying };
          };
          const [older, newer] = [await begin(), await begin()];
          const [first, second] = endsFirst === "older" ? [older, newer] : [newer, older];
          first.hang.release();
          if (endsFirst === "newer") await first.copying;
          second.hang.release();
          const copied = await Promise.all([older.copying, newer.copying]);
          expect(copied[0], endsFirst).to.deep.equal(copied[1]);
          expect(copied[0]).to.include({ generation: 1 });
          expect(objects.bytesOf("bucket", copied[0].s3Key)).to.deep.equal(bytes);
        }
      });
    }

    it("tells the older to ask again where the newer takes long", async () => {
      const { objects, store, copy, refusalOf } = open({ otherCall: { ...LIMITS.otherCall, triesMax: 3 } });
      const { file } = await store(50);
      const requestId = nextUuid();
      const hangs = [1, 2].map(() => objects.faults.add("copyObject", { kind: "hang" }));
      const older = refusalOf(file.path, { requestId });
      await until("the older copies", () => objects.faults.pending === 1);
      const newer = copy(file.path, { requestId });
      await until("the newer copies", () => objects.faults.pending === 0);
      hangs[0]?.release();
      const refusal = await older;
      expect(refusal).to.include({ code: "unavailable", reason: "CONTENDED" });
      expect(refusal.retryAfterMs).to.be.greaterThan(0);
      hangs[1]?.release();
      expect((await copy(file.path, { requestId })).fileId).to.equal((await newer).fileId);
    });
  });

  it("copies into a fresh key when an answer was lost", async () => {
    const { objects, store, copy, refusalOf } = open();
    const { file } = await store(50);
    const requestId = nextUuid();
    objects.faults.add("copyObject", { kind: "lost-answer" });
    expect(await refusalOf(file.path, { requestId })).to.include({ reason: "STORAGE_UNAVAILABLE" });
    const copied = await copy(file.path, { requestId });
    expect(copied.s3Key).to.match(/\.2$/);
    expect(objects.keys).to.have.members([file.s3Key, copied.s3Key, copied.s3Key.replace(/2$/, "1")]);
  });

  it("takes up a copy whose commit was cut", async () => {
    for (const [lengthBytes, method] of [
      [150, "assemble"],
      [150, "commit"],
      [50, "commit"],
    ] as const) {
      const { refuse, store, copy, refusalOf } = open();
      const { file } = await store(lengthBytes);
      const requestId = nextUuid();
      const error = new DomainError("unavailable", "the database is away", { reason: "DATABASE_UNAVAILABLE" });
      refuse(method, error, 3);
      expect(await refusalOf(file.path, { requestId }), method).to.include({ reason: "DATABASE_UNAVAILABLE" });
      expect(await copy(file.path, { requestId })).to.include({ generation: 1, sizeBytes: lengthBytes });
    }
  });

  it("does not mix the bytes of two files that were at the source", async () => {
    const { objects, store, refusalOf } = open();
    const { file } = await store(50);
    const requestId = nextUuid();
    objects.faults.add("copyObject", { kind: "fail" });
    await refusalOf(file.path, { requestId });
    await store(51, file.path);
    const error = await refusalOf(file.path, { requestId });
    expect(error).to.include({ code: "failed_precondition", reason: "GENERATION_MISMATCH" });
    expect(error.message).to.include("fresh request_id");
  });

  it("takes no bytes that are not the source's", async () => {
    for (const lengthBytes of [50, 150]) {
      const { files, objects, store, refusalOf } = open();
      const { file } = await store(lengthBytes);
      objects.overwrite("bucket", file.s3Key, Buffer.alloc(lengthBytes));
      expect(await refusalOf(file.path)).to.include({ code: "aborted", reason: "CHECKSUM_MISMATCH" });
      expect(await catchError(() => files.get("default", `${file.path}.copy`))).to.include({
        reason: "FILE_NOT_FOUND",
      });
    }
  });

  it("tells of another file that came to the target meanwhile", async () => {
    const { objects, store, refusalOf } = open();
    const { file } = await store(50);
    const targetPath = nextPath();
    const hang = objects.faults.add("copyObject", { kind: "hang" });
    const refusal = refusalOf(file.path, { targetPath, ifTargetGenerationMatch: 0 });
    await until("the copies hang", async () => objects.faults.pending === 0);
    await store(1, targetPath);
    hang.release();
    const error = await refusal;
    expect(error).to.include({ reason: "GENERATION_MISMATCH" });
    expect(error.details).to.deep.equal({ if_generation_match: 0, current_generation: 1 });
  });
});
