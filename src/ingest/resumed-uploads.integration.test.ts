import { createHash, randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("Uploads are continued, repeated and committed", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(5 * PART_BYTES + 10);
  const durableBytes = 3 * PART_BYTES;
  /** An upload with three durable parts that nobody writes to. */
  const leave = async (request: Parameters<UploadRig["create"]>[0] = {}) => {
    const call = rig.create({ sizeBytes: BigInt(bytes.length), ...request });
    const { uploadId } = await call.started();
    call.sendBytes(bytes.subarray(0, durableBytes));
    await call.durable(durableBytes);
    call.reset();
    await until("the stream has settled", () => rig.service.app.load.sessions === 0);
    return uploadId;
  };
  const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

  describe("a stream that resumes", () => {
    it("is told what is durable, with its checksum and the limits", async () => {
      const uploadId = await leave();
      const call = rig.resume(uploadId);
      const started = await call.started();
      expect(started).to.deep.include({
        uploadId,
        durableOffset: BigInt(durableBytes),
        partSizeBytes: BigInt(PART_BYTES),
        durableCrc32: crc32(bytes.subarray(0, durableBytes)),
        chunkSizeMaxBytes: 2 * 2 ** 20,
      });
      expect(started.durableRanges).to.have.length(1);
      expect(started.stallTimeout?.seconds).to.equal(5n);
      call.reset();
      await rig.complete(uploadId, bytes);
    });

    it("may send durable parts again: they are compared, not written", async () => {
      const uploadId = await leave();
      const before = rig.service.s3.requestCount("UploadPart");
      const call = rig.resume(uploadId);
      await call.started();
      call.sendBytes(bytes.subarray(PART_BYTES), { offset: PART_BYTES, crc32 }).send({ finish: {} });
      await rig.expectFile(await call.committed(), bytes);
      expect(rig.service.s3.requestCount("UploadPart") - before, "parts written").to.equal(3);
    });

    it("may begin again at 0 after a keep-alive", async () => {
      const uploadId = await leave();
      const call = rig.resume(uploadId);
      await call.started();
      call.send({ chunk: { offset: BigInt(durableBytes) } });
      call.sendBytes(bytes).send({ finish: {} });
      await rig.expectFile(await call.committed(), bytes);
    });

    it("may send nothing but finish when all is durable", async () => {
      const call = rig.create({ sizeBytes: BigInt(bytes.length) });
      const { uploadId } = await call.started();
      call.sendBytes(bytes);
      await call.durable(bytes.length);
      call.reset();
      await until("the stream has settled", () => rig.service.app.load.sessions === 0);
      const again = rig.resume(uploadId);
      await again.started();
      again.send({ finish: { sizeBytes: BigInt(bytes.length), crc32: crc32(bytes) } });
      await rig.expectFile(await again.committed(), bytes);
    });

    it("continues a file of unknown size, also one whose bytes are gone but whose upload S3 has begun", async () => {
      const call = rig.create();
      const { uploadId } = await call.started();
      rig.service.s3.faults.add({
        operation: "UploadPart",
        times: 100,
        fault: { kind: "status", status: 403, code: "AccessDenied" },
      });
      call.sendBytes(bytes);
      expect((await call.status).reason).to.equal("STORAGE_UNAVAILABLE");
      rig.service.s3.faults.clear();
      const again = rig.resume(uploadId);
      await again.started();
      again.send({ finish: { sizeBytes: 0n } });
      await rig.expectFile(await again.committed(), new Uint8Array());
      await rig.sweep();
    });

    it("computes the SHA-256 in stream, or by reading back what several streams sent", async () => {
      const call = rig.create({ computeSha256: true }).sendBytes(bytes).send({ finish: {} });
      const whole = await call.committed();
      expect(Buffer.from(whole.receipt?.sha256 ?? []).toString("hex")).to.equal(sha256(bytes));
      const before = rig.service.s3.requestCount("GetObject");
      const resumed = await rig.complete(await leave({ sha256: createHash("sha256").update(bytes).digest() }), bytes);
      expect(Buffer.from(resumed.receipt?.sha256 ?? []).toString("hex")).to.equal(sha256(bytes));
      expect(rig.service.s3.requestCount("GetObject")).to.be.greaterThan(before);
    });

    it("gets the file when the upload was committed before", async () => {
      const call = rig.create().sendBytes(bytes).send({ finish: {} });
      const { file } = await call.committed();
      const { uploadId } = await call.started();
      const again = rig.resume(uploadId);
      expect(Number((await again.started()).durableOffset)).to.equal(bytes.length);
      expect((await again.committed()).file?.fileId).to.equal(file?.fileId);
      expect((await again.status).code).to.equal(0);
    });
  });

  describe("a request id", () => {
    it("attaches to the upload that it created, and to its file", async () => {
      const request = { requestId: randomUUID(), path: rig.nextPath(), sizeBytes: BigInt(bytes.length) };
      const uploadId = await leave(request);
      const call = rig.create(request);
      expect((await call.started()).uploadId).to.equal(uploadId);
      call.sendBytes(bytes.subarray(durableBytes), { offset: durableBytes }).send({ finish: {} });
      const { file } = await call.committed();
      const again = rig.create(request);
      expect((await again.committed()).file?.fileId).to.equal(file?.fileId);
      expect((await rig.client.getUpload(uploadId)).file?.fileId).to.equal(file?.fileId);
    });

    it("is refused with other content", async () => {
      const request = { requestId: randomUUID(), path: rig.nextPath() };
      const first = rig.create(request);
      await first.started();
      const other = rig.create({ ...request, sizeBytes: 7n });
      await expectRefused(other, { code: 3, reason: "REQUEST_ID_REUSED", says: request.requestId });
      first.reset();
    });
  });

  describe("a precondition", () => {
    const commit = async (path: string, content = bytes) => {
      const call = rig.create({ path }).sendBytes(content).send({ finish: {} });
      const { file } = await call.committed();
      return Number(file?.generation);
    };
    const mismatch = { code: 9, reason: "GENERATION_MISMATCH", says: "generation" };

    it("is checked when the upload is created", async () => {
      const path = rig.nextPath();
      await expectRefused(rig.create({ path, ifGenerationMatch: 3n }), mismatch);
      await commit(path);
      await expectRefused(rig.create({ path, ifGenerationMatch: 0n }), mismatch);
    });

    for (const [kind, content] of [
      ["multipart", bytes],
      ["one-part", bytes.subarray(0, 10)],
    ] as const) {
      it(`is checked again at the commit of a ${kind} file, which keeps the bytes for another one`, async () => {
        const path = rig.nextPath();
        const call = rig.create({ path, ifGenerationMatch: 0n });
        const { uploadId } = await call.started();
        call.sendBytes(content);
        const generation = await commit(path, bytes.subarray(0, 20));
        const metadata = {
          current_generation: String(generation),
          if_generation_match: "0",
          durable_offset: String(content.length),
        };
        await expectRefused(call.send({ finish: {} }), { ...mismatch, metadata });
        const again = await rig.client.completeUpload(uploadId).catch((error) => error.reason);
        expect(again, "the precondition still stands").to.equal("GENERATION_MISMATCH");
        const { file } = await rig.client.completeUpload(uploadId, { ifGenerationMatch: BigInt(generation) });
        expect(Number(file?.generation)).to.be.greaterThan(generation);
        expect((await rig.download(path)).equals(content)).to.equal(true);
      });
    }

    it("lets one of two racing uploads win; without one, both do, one after the other", async () => {
      const path = rig.nextPath();
      const race = async (request: object) => {
        const calls = [rig.create({ path, ...request }), rig.create({ path, ...request })];
        await Promise.all(calls.map((call) => call.started()));
        for (const call of calls) call.sendBytes(bytes);
        for (const call of calls) call.send({ finish: {} });
        const statuses = await Promise.all(calls.map((call) => call.status));
        const loser = statuses.find(({ code }) => code !== 0);
        if (loser !== undefined) {
          expect(loser.metadata).to.include({ current_generation: "1", if_generation_match: "0" });
          expect(loser.message).to.include("complete the upload again with another precondition");
        }
        return statuses.map(({ code }) => code).sort();
      };
      expect(await race({ ifGenerationMatch: 0n })).to.deep.equal([0, 9]);
      expect(await race({})).to.deep.equal([0, 0]);
      await rig.query("UPDATE upload SET state = 'expired' WHERE state = 'assembled'");
      const [row] = await rig.query(
        "SELECT max(generation) AS newest, count(*)::int AS files FROM file WHERE path = $1",
        [path],
      );
      expect(row).to.deep.equal({ newest: "3", files: 3 });
      await rig.sweep();
    });
  });

  describe("finish with commit false", () => {
    for (const [kind, content] of [
      ["multipart", bytes],
      ["one-part", bytes.subarray(0, 10)],
      ["empty", bytes.subarray(0, 0)],
    ] as const) {
      it(`seals a ${kind} file, to be committed by CompleteUpload or by a stream`, async () => {
        for (const how of ["unary", "stream"]) {
          const path = rig.nextPath();
          const call = rig.create({ path }).sendBytes(content);
          const { uploadId } = await call.started();
          const status = await call.send({ finish: { commit: false } }).status;
          expect(status.code).to.equal(0);
          const last = call.answers.at(-1)?.message;
          expect(last).to.deep.include({ case: "progress" });
          expect(last?.value).to.deep.include({ committed: false, durableBytes: BigInt(content.length) });
          const sealed = rig.resume(uploadId);
          await sealed.started();
          expect((await sealed.send({ finish: { commit: false } }).status).code).to.equal(0);
          if (how === "stream") {
            const committing = rig.resume(uploadId);
            await committing.started();
            await rig.expectFile(await committing.send({ finish: { crc32: crc32(content) } }).committed(), content);
          } else {
            const wrong = await rig.client.completeUpload(uploadId, { crc32: 1 }).catch((error) => error.reason);
            expect(wrong).to.equal("CHECKSUM_MISMATCH");
            const size = await rig.client.completeUpload(uploadId, { sizeBytes: 3n }).catch((error) => error.reason);
            expect(size).to.equal("SIZE_MISMATCH");
            await rig.client.completeUpload(uploadId, { crc32: crc32(content), sizeBytes: BigInt(content.length) });
            expect((await rig.download(path)).equals(content)).to.equal(true);
          }
        }
      });
    }
  });

  describe("a SHA-256 in a finish with commit false", () => {
    const right = createHash("sha256").update(bytes).digest();
    const finish = (call: ReturnType<UploadRig["resume"]>, request: { sha256?: Uint8Array; crc32?: number }) =>
      call.send({ finish: { ...request, commit: false } }).status;
    const expectCompared = async (uploadId: string, expected: Uint8Array | "CHECKSUM_MISMATCH") => {
      const compared = await rig.client.completeUpload(uploadId).then(
        ({ receipt }) => Buffer.from(receipt?.sha256 ?? []).toString("hex"),
        ({ reason }) => reason,
      );
      expect(compared).to.equal(typeof expected === "string" ? expected : Buffer.from(expected).toString("hex"));
    };

    it("is compared by CompleteUpload, after a resume", async () => {
      for (const declared of [right, new Uint8Array(32)]) {
        const uploadId = await leave();
        const call = rig.resume(uploadId);
        const offset = Number((await call.started()).durableOffset);
        call.sendBytes(bytes.subarray(offset), { offset });
        expect((await finish(call, { sha256: declared })).code).to.equal(0);
        await expectCompared(uploadId, declared === right ? right : "CHECKSUM_MISMATCH");
      }
    });

    it("is compared by CompleteUpload for a one-part file whose stream computed none", async () => {
      const content = bytes.subarray(0, 10);
      const rightOfContent = createHash("sha256").update(content).digest();
      for (const declared of [rightOfContent, right]) {
        const call = rig.create().sendBytes(content);
        const { uploadId } = await call.started();
        expect((await finish(call, { sha256: declared })).code).to.equal(0);
        await expectCompared(uploadId, declared === right ? "CHECKSUM_MISMATCH" : declared);
      }
    });

    it("is compared at once where the whole file is an object already", async () => {
      const content = bytes.subarray(0, 10);
      const call = rig.create().sendBytes(content);
      const { uploadId } = await call.started();
      await finish(call, {});
      const again = async (request: { sha256?: Uint8Array; crc32?: number }) => {
        const resumed = rig.resume(uploadId);
        await resumed.started();
        return await finish(resumed, request);
      };
      for (const wrong of [{ sha256: right }, { crc32: 1 }]) {
        expect((await again(wrong)).reason).to.equal("CHECKSUM_MISMATCH");
      }
      const rightOfContent = createHash("sha256").update(content).digest();
      expect((await again({ sha256: rightOfContent })).code).to.equal(0);
      await expectCompared(uploadId, rightOfContent);
    });
  });

  describe("CompleteUpload", () => {
    it("completes what is durable, and seals an unknown size at a part boundary", async () => {
      const content = bytes.subarray(0, 4 * PART_BYTES);
      const path = rig.nextPath();
      const call = rig.create({ path });
      const { uploadId } = await call.started();
      call.sendBytes(content);
      await call.durable(2 * PART_BYTES);
      const early = await rig.client
        .completeUpload(uploadId, { sizeBytes: BigInt(bytes.length) })
        .catch((e) => e.reason);
      expect(early).to.equal("UPLOAD_INCOMPLETE");
      await call.durable(4 * PART_BYTES);
      await rig.client.completeUpload(uploadId, { sizeBytes: BigInt(content.length) });
      expect((await rig.download(path)).equals(content)).to.equal(true);
      call.sendBytes(bytes.subarray(content.length), { offset: content.length });
      expect((await call.send({ finish: {} }).status).code).not.to.equal(0);
    });

    it("refuses an upload that nobody has sent bytes to, and one that was aborted", async () => {
      const { uploadId } = await rig.client.createUpload(rig.nextPath());
      expect(await rig.client.completeUpload(uploadId).catch((error) => error.reason)).to.equal("UPLOAD_INCOMPLETE");
      await rig.client.abortUpload(uploadId);
      expect(await rig.client.completeUpload(uploadId).catch((error) => error.reason)).to.equal("UPLOAD_NOT_OPEN");
    });

    it("of a committed upload cannot be undone by an abort", async () => {
      const call = rig.create().sendBytes(bytes).send({ finish: {} });
      await call.committed();
      const { uploadId } = await call.started();
      expect(await rig.client.abortUpload(uploadId).catch((error) => error.reason)).to.equal("UPLOAD_NOT_OPEN");
    });
  });

  it("Abort frees what S3 holds", async () => {
    const uploadId = await leave();
    const upload = await rig.client.abortUpload(uploadId);
    expect(upload.state).to.equal(5);
  });
});
