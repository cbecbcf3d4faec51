import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { expectRefusal, TEST_ACTOR } from "../testing/rigs/database/repository-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import {
  type Bench,
  BenchWriter,
  createBench,
  BENCH_PART_BYTES as PART,
} from "../testing/rigs/uploads/writer-bench.ts";

const databaseGone = () => new DomainError("unavailable", "gone", { reason: "DATABASE_UNAVAILABLE" });

describe("UploadWriter", () => {
  /** Closes, and expects that nothing is held any more. */
  const close = async (bench: Bench, ...writers: BenchWriter[]) => {
    for (const { writer } of writers) await writer.close();
    expect({ used: bench.budget.usedBytes, bodies: bench.objects.bodiesInFlight }).to.deep.equal({
      used: 0,
      bodies: 0,
    });
  };

  it("writes parts as chunks come, and says what was written", async () => {
    for (const crc of [undefined, true] as const) {
      for (const chunkBytes of [1, 30, 50, 99, 100, 101, 250, 1000]) {
        for (const sizeBytes of [undefined, 730]) {
          const bench = createBench({ limits: { chunkSizeMaxBytes: 1000 } });
          const bytes = seededBytes(730, chunkBytes);
          const caller = await BenchWriter.open(bench, { sizeBytes, computeSha256: true });
          await caller.send(bytes, { chunkBytes, ...(crc === true && { crc32: crc }) });
          const written = await caller.writer.finish({ sizeBytes: 730 });
          expect(written).to.deep.include({ sizeBytes: 730, crc32: crc32(bytes), put: undefined });
          expect(written.sha256).to.deep.equal(createHash("sha256").update(bytes).digest());
          expect(written.parts.map(({ crc32: sum }) => sum)).to.deep.equal(
            written.parts.map((_, i) => crc32(bytes.subarray(i * PART, (i + 1) * PART))),
          );
          expect(caller.writer.durableOffset).to.equal(730);
          await close(bench, caller);
        }
      }
    }
  });

  describe("waits", () => {
    it("for a permit of the budget, and takes no more than it has", async () => {
      const bench = createBench({ budgetParts: 2 });
      const held = [bench.take(PART), bench.take(PART)];
      const caller = await BenchWriter.open(bench, { sizeBytes: 300 });
      const sending = caller.send(seededBytes(300));
      await until("the caller waits", () => caller.waits > 0 && caller.writer.isWaiting);
      expect(caller.writer.takenBytes).to.equal(0);
      held[0]?.();
      await until("one part goes", () => caller.writer.receivedBytes >= PART);
      held[1]?.();
      await sending;
      expect((await caller.writer.finish({ sizeBytes: undefined })).sizeBytes).to.equal(300);
      await close(bench, caller);
    });

    it("its turn: permits go around among the uploads", async () => {
      const bench = createBench({ budgetParts: 1 });
      const callers = [
        await BenchWriter.open(bench, { sizeBytes: 500 }),
        await BenchWriter.open(bench, { sizeBytes: 500 }),
      ];
      const received: number[] = [];
      const sending = callers.map(async (caller, index) => {
        for (let part = 0; part < 5; part++) {
          await caller.send(seededBytes(PART), { offset: part * PART });
          received.push(index);
        }
      });
      await Promise.all(sending);
      for (let i = 0; i < received.length; i += 2) expect([...received.slice(i, i + 2)].sort()).to.deep.equal([0, 1]);
      await Promise.all(callers.map(({ writer }) => writer.finish({ sizeBytes: undefined })));
      await close(bench, ...callers);
    });

    it("for a place among the parts in flight", async () => {
      const bench = createBench({ limits: { partsInFlightMax: 2 } });
      const hanging = [1, 2].map((partNumber) => bench.objects.faults.add("part", { kind: "hang" }, { partNumber }));
      const caller = await BenchWriter.open(bench, { sizeBytes: 500 });
      const sending = caller.send(seededBytes(500));
      await until("both places are taken", () => caller.writer.receivedBytes === 2 * PART && caller.writer.isWaiting);
      expect(bench.objects.bodiesInFlight).to.equal(2);
      for (const one of hanging) one.release();
      await sending;
      await caller.writer.finish({ sizeBytes: undefined });
      await close(bench, caller);
    });

    it("never for itself: chunks that cross parts go beyond what all the others hold", async () => {
      const bench = createBench({ budgetParts: 4, limits: { partsInFlightMax: 1 } });
      const callers = await Promise.all(Array.from({ length: 8 }, () => BenchWriter.open(bench, { sizeBytes: 1000 })));
      await Promise.all(callers.map((caller) => caller.send(seededBytes(1000), { chunkBytes: 350, crc32: true })));
      const written = await Promise.all(callers.map(({ writer }) => writer.finish({ sizeBytes: undefined })));
      expect(written.every(({ crc32: sum }) => sum === crc32(seededBytes(1000)))).to.equal(true);
      await close(bench, ...callers);
    });

    it("for the claim of its rows, a window at a time and ahead of the bytes", async () => {
      const bench = createBench();
      const caller = await BenchWriter.open(bench, { sizeBytes: 1600 });
      await caller.send(seededBytes(1600), { chunkBytes: 100 });
      await caller.writer.finish({ sizeBytes: undefined });
      expect(bench.calls.filter((name) => name === "claimParts")).to.have.length(4);
      await close(bench, caller);
    });

    it("for a database that comes back", async () => {
      const bench = createBench();
      for (const method of ["claimParts", "setMultipartId", "recordParts"]) bench.refuse(method, databaseGone(), 2);
      const caller = await BenchWriter.open(bench, { sizeBytes: 500 });
      await caller.send(seededBytes(500));
      expect((await caller.writer.finish({ sizeBytes: undefined })).parts).to.have.length(5);
      await close(bench, caller);
    });
  });

  it("records many acknowledgements by one statement", async () => {
    const bench = createBench({ limits: { partsInFlightMax: 100 } });
    const hanging = bench.objects.faults.add("part", { kind: "hang" }, { times: 100 });
    const caller = await BenchWriter.open(bench, { sizeBytes: 3000 });
    await caller.send(seededBytes(3000), { chunkBytes: 100 });
    hanging.release();
    await caller.writer.finish({ sizeBytes: undefined });
    expect(bench.calls.filter((name) => name === "recordParts").length).to.be.lessThan(5);
    expect(caller.writer.durableBytes).to.equal(3000);
    await close(bench, caller);
  });

  describe("of unknown size", () => {
    for (const size of [0, 1, PART]) {
      it(`puts ${size} bytes as one object, and begins no multipart upload`, async () => {
        const bench = createBench();
        const caller = await BenchWriter.open(bench);
        await caller.send(seededBytes(size));
        const written = await caller.writer.finish({ sizeBytes: undefined });
        expect(written.put).to.deep.include({ sizeBytes: size, crc32: crc32(seededBytes(size)) });
        expect(caller.writer.unrecordedPut).to.equal(written.put);
        expect(bench.objects.pendingMultiparts).to.deep.equal([]);
        await close(bench, caller);
      });
    }

    it("holds its first part until it is verified, though the second has begun", async () => {
      const bench = createBench();
      const caller = await BenchWriter.open(bench);
      await caller.chunk(0, seededBytes(80), { crc32: true });
      const wrong = caller.chunk(80, seededBytes(40), { crc32: 1 });
      const error = await expectRefusal(wrong, "CHECKSUM_MISMATCH");
      expect(error.details).to.include({ chunk_offset: 80, chunk_bytes: 40, expected_crc32: "00000001" });
      await close(bench, caller);
      const { parts } = await bench.access.uploads.catalogue.get("default", caller.uploadId);
      expect(parts).to.deep.equal([]);
    });

    it("leaves a multipart upload that another writer was first to begin", async () => {
      const bench = createBench();
      const one = await BenchWriter.open(bench);
      const rival = await bench.objects.createMultipart("bucket", "key", { contentType: "" });
      await bench.access.uploads.writers.setMultipartId(one.uploadId, rival);
      bench.objects.faults.add("part", { kind: "fail" }, { times: 10 });
      await one.send(seededBytes(250)).catch(() => {});
      await close(bench, one);
      expect(bench.objects.pendingMultiparts).to.deep.equal([rival]);
    });

    it("does not mind when its own multipart upload cannot be aborted then", async () => {
      const bench = createBench();
      const caller = await BenchWriter.open(bench);
      const { s3Key } = caller.begin.upload;
      const rival = await bench.objects.createMultipart("bucket", s3Key, { contentType: "" });
      await bench.access.uploads.writers.setMultipartId(caller.uploadId, rival);
      bench.objects.faults.add("abortMultipart", { kind: "fail" });
      await caller.send(seededBytes(250));
      expect((await caller.writer.finish({ sizeBytes: undefined })).parts).to.have.length(3);
      await close(bench, caller);
    });
  });

  it("does not wait for the abort of a multipart upload that it does not need", async () => {
    const bench = createBench();
    const caller = await BenchWriter.open(bench, { sizeBytes: 250 });
    const { s3Key } = caller.begin.upload;
    const rival = await bench.objects.createMultipart("bucket", s3Key, { contentType: "" });
    await bench.access.uploads.writers.setMultipartId(caller.uploadId, rival);
    const hanging = bench.objects.faults.add("abortMultipart", { kind: "hang" });
    await caller.send(seededBytes(250));
    await until("its parts are durable", () => caller.writer.durableBytes === 250);
    hanging.release();
    expect((await caller.writer.finish({ sizeBytes: undefined })).parts).to.have.length(3);
    expect(bench.objects.pendingMultiparts).to.deep.equal([rival]);
    await close(bench, caller);
  });

  describe("that resumes", () => {
    const leave = async (bench: Bench, bytes: Uint8Array, sizeBytes?: number) => {
      const caller = await BenchWriter.open(bench, { sizeBytes });
      await caller.send(bytes, { chunkBytes: 50 });
      await until("it is durable", () => caller.writer.durableBytes === bytes.length);
      await close(bench, caller);
      return caller.uploadId;
    };
    const bytes = seededBytes(500);

    it("compares durable parts and writes the others", async () => {
      const bench = createBench();
      const uploadId = await leave(bench, bytes.subarray(0, 300), 500);
      const caller = await BenchWriter.resume(bench, uploadId);
      expect(caller.writer.durableOffset).to.equal(300);
      await caller.send(bytes.subarray(100), { offset: 100, crc32: true });
      expect(caller.writer.receivedBytes).to.equal(500);
      expect((await caller.writer.finish({ sizeBytes: undefined })).crc32).to.equal(crc32(bytes));
      await close(bench, caller);
    });

    it("refuses durable bytes that differ, and a chunk whose CRC32 is wrong among them", async () => {
      const bench = createBench();
      const uploadId = await leave(bench, bytes.subarray(0, 300), 500);
      const caller = await BenchWriter.resume(bench, uploadId);
      const error = await expectRefusal(caller.send(seededBytes(100, 9), { offset: 100 }), "CHECKSUM_MISMATCH");
      expect(error.details).to.include({ part_number: 2, offset: 100 });
      await close(bench, caller);
      const other = await BenchWriter.resume(bench, uploadId);
      await expectRefusal(other.chunk(0, bytes.subarray(0, 50), { crc32: 3 }), "CHECKSUM_MISMATCH");
      await close(bench, other);
    });

    it("finishes with no byte more, and is told how many are missing", async () => {
      const bench = createBench();
      const uploadId = await leave(bench, bytes.subarray(0, 300), 500);
      const caller = await BenchWriter.resume(bench, uploadId);
      const error = await expectRefusal(caller.writer.finish({ sizeBytes: undefined }), "SIZE_MISMATCH");
      expect(error.details).to.include({ size_bytes: 500, received_bytes: 300 });
      await close(bench, caller);
      const all = await leave(bench, bytes, 500);
      const last = await BenchWriter.resume(bench, all);
      expect((await last.writer.finish({ sizeBytes: 500 })).crc32).to.equal(crc32(bytes));
      await close(bench, last);
    });
  });

  describe("that fails", () => {
    it("wakes a silent caller, and settles what is in flight", async () => {
      const bench = createBench();
      bench.objects.faults.add("part", { kind: "fail" }, { partNumber: 2 });
      const hanging = bench.objects.faults.add("part", { kind: "hang" }, { partNumber: 3 });
      const caller = await BenchWriter.open(bench, { sizeBytes: 500 });
      await caller.send(seededBytes(320), { chunkBytes: 320 });
      expect(await caller.failed).to.have.property("reason", "STORAGE_UNAVAILABLE");
      expect(() => caller.writer.beginChunk({ offset: 320, lengthBytes: 1, crc32: undefined })).to.throw(DomainError);
      expect(() => caller.writer.endChunk()).to.throw(DomainError);
      const closing = caller.writer.close();
      hanging.release();
      await closing;
      await close(bench, caller);
      const { parts } = await bench.access.uploads.catalogue.get("default", caller.uploadId);
      expect(
        parts.map(({ partNumber }) => partNumber),
        "what has landed is recorded",
      ).to.deep.equal([1, 3]);
    });

    it("gives everything back when it is closed while it waits", async () => {
      const bench = createBench({ budgetParts: 1 });
      const held = bench.take(PART);
      const caller = await BenchWriter.open(bench, { sizeBytes: 500 });
      caller.writer.beginChunk({ offset: 0, lengthBytes: 100, crc32: undefined });
      expect(caller.writer.write(seededBytes(100))).to.equal(0);
      await until("it waits for the permit", () => bench.calls.includes("setMultipartId"));
      await caller.writer.close();
      expect(caller.writer.write(seededBytes(100)), "nothing is taken any more").to.equal(0);
      held();
      await close(bench, caller);
    });

    it("gives a permit back that was ready for a part which never came, and a held part's", async () => {
      const bench = createBench();
      const [declared, unknown] = [await BenchWriter.open(bench, { sizeBytes: 500 }), await BenchWriter.open(bench)];
      await declared.send(seededBytes(100), { chunkBytes: 100 });
      await until("the next part is ready", () => !declared.writer.isWaiting);
      await unknown.send(seededBytes(50));
      expect(bench.budget.usedBytes).to.be.greaterThan(0);
      await close(bench, declared, unknown);
    });

    it("names the chunk that S3 found wrong, or S3's own words when all chunks are right", async () => {
      const bench = createBench({
        budgetParts: 1000,
        limits: { chunkSizeMaxBytes: 10_000, replayablePartMaxBytes: 10_000 },
      });
      const large = { sizeBytes: 50_000, partSizeBytes: 10_000 };
      const caller = await BenchWriter.open(bench, large);
      await caller.chunk(0, seededBytes(4000), { crc32: true });
      await caller.chunk(4000, seededBytes(2000));
      await caller.chunk(6000, seededBytes(3000), { crc32: 5 });
      await caller.chunk(9000, seededBytes(1000), { crc32: true });
      const error = (await caller.failed) as DomainError;
      expect(error.details).to.include({ chunk_offset: 6000, chunk_bytes: 3000 });
      await close(bench, caller);
      const mismatch = new DomainError("aborted", "S3 says", { reason: "CHECKSUM_MISMATCH" });
      bench.objects.faults.add("part", { kind: "fail", error: mismatch });
      const innocent = await BenchWriter.open(bench, large);
      await innocent.chunk(0, seededBytes(10_000), { crc32: true });
      expect(await innocent.failed).to.equal(mismatch);
      await close(bench, innocent);
    });

    it("finds a small chunk wrong itself, before S3 has seen its part whole", async () => {
      const bench = createBench();
      const caller = await BenchWriter.open(bench, { sizeBytes: 500 });
      await caller.chunk(0, seededBytes(40), { crc32: true });
      const error = await expectRefusal(caller.chunk(40, seededBytes(1), { crc32: 5 }), "CHECKSUM_MISMATCH");
      expect(error.details).to.include({ chunk_offset: 40, chunk_bytes: 1 });
      await close(bench, caller);
    });

    it("hears who has ended the upload that S3 no longer has", async () => {
      const lost = () => new DomainError("aborted", "lost", { reason: "UPLOAD_LOST" });
      const lose = async (between: (bench: Bench, uploadId: string) => Promise<unknown>) => {
        const bench = createBench();
        bench.objects.faults.add("part", { kind: "lost-answer", error: lost() });
        const caller = await BenchWriter.open(bench, { sizeBytes: 500 });
        await caller.send(seededBytes(90));
        await between(bench, caller.uploadId);
        await caller.send(seededBytes(10), { offset: 90 });
        const error = (await caller.failed) as DomainError;
        await close(bench, caller);
        const { upload } = await bench.access.uploads.catalogue.get("default", caller.uploadId);
        return [error.reason, upload.state];
      };
      expect(await lose(async () => {})).to.deep.equal(["UPLOAD_LOST", "aborted"]);
      expect(await lose((bench, id) => bench.access.uploads.catalogue.abort("default", id, TEST_ACTOR))).to.deep.equal([
        "UPLOAD_NOT_OPEN",
        "aborted",
      ]);
      expect(await lose((bench, id) => BenchWriter.resume(bench, id))).to.deep.equal(["WRITER_FENCED", "open"]);
    });

    it("says that it was fenced, and what is not an Error as one", async () => {
      const bench = createBench();
      const caller = await BenchWriter.open(bench, { sizeBytes: 500 });
      await caller.send(seededBytes(100));
      await BenchWriter.resume(bench, caller.uploadId);
      await caller.send(seededBytes(100), { offset: 100 }).catch(() => {});
      expect(await caller.failed).to.have.property("reason", "WRITER_FENCED");
      await close(bench, caller);
    });
  });

  it("takes an empty file whose upload S3 has begun already", async () => {
    const bench = createBench();
    const caller = await BenchWriter.open(bench);
    await bench.access.uploads.writers.setMultipartId(caller.uploadId, "m");
    const again = await BenchWriter.resume(bench, caller.uploadId);
    expect((await again.writer.finish({ sizeBytes: 0 })).put).to.deep.include({ sizeBytes: 0 });
    await close(bench, caller, again);
  });
});
