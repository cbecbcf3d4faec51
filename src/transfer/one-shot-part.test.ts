import { crc32 } from "node:zlib";
import { expect } from "chai";
import { noteWhole } from "../domain/memory/buffer-accounts.ts";
import { expectRefusal } from "../testing/rigs/database/repository-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import { type Bench, BenchWriter, createBench } from "../testing/rigs/uploads/writer-bench.ts";

const PART = 400;
const WINDOW = 120;

describe("a part that is too large to be kept", () => {
  const limits = { replayablePartMaxBytes: 100, oneShotWindowBytes: WINDOW };
  const bytes = seededBytes(850);
  const upload = { sizeBytes: 850, partSizeBytes: PART };
  let bench: Bench;
  beforeEach(() => {
    bench = createBench({ limits });
  });
  const close = async (...callers: BenchWriter[]) => {
    for (const { writer } of callers) await writer.close();
    expect({ used: bench.budget.usedBytes, bodies: bench.objects.bodiesInFlight }).to.deep.equal({
      used: 0,
      bodies: 0,
    });
  };
  const durableParts = async ({ uploadId }: BenchWriter) => {
    const { parts } = await bench.access.uploads.catalogue.get("default", uploadId);
    return parts.map(({ partNumber, lengthBytes }) => [partNumber, lengthBytes]);
  };

  for (const withCrc of [true, undefined]) {
    for (const chunkBytes of [1, 30, 120, 850]) {
      it(`passes by a window, in chunks of ${chunkBytes} ${withCrc ? "with" : "without"} their CRC32`, async () => {
        const caller = await BenchWriter.open(bench, upload);
        const sent: ArrayBuffer[] = [];
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          const piece = Uint8Array.from(bytes.subarray(at, at + chunkBytes));
          noteWhole(piece);
          sent.push(piece.buffer);
          await caller.chunk(at, piece, withCrc ? { crc32: true } : {});
          // The part before may still wait for its acknowledgement, and the last one is kept.
          expect(bench.budget.usedBytes).to.be.at.most(2 * WINDOW + 50);
        }
        const written = await caller.writer.finish({ sizeBytes: 850 });
        expect(written).to.deep.include({ sizeBytes: 850, crc32: crc32(bytes), put: undefined });
        expect(written.parts.map(({ crc32: sum }) => sum)).to.deep.equal(
          [0, 400, 800].map((start) => crc32(bytes.subarray(start, start + PART))),
        );
        // Of single bytes copies are kept.
        if (chunkBytes > 1) expect(sent.filter(({ detached }) => !detached)).to.deep.equal([]);
        await close(caller);
      });
    }
  }

  it("holds its caller back while storage takes nothing, with no more than the window", async () => {
    const hanging = bench.objects.faults.add("part", { kind: "hang" }, { partNumber: 1 });
    const caller = await BenchWriter.open(bench, upload);
    const sending = caller.send(bytes, { chunkBytes: 50, crc32: true });
    await until("the window is full", () => caller.writer.receivedBytes === WINDOW && caller.writer.isWaiting);
    expect(bench.budget.usedBytes).to.equal(WINDOW);
    hanging.release();
    await sending;
    expect((await caller.writer.finish({ sizeBytes: undefined })).crc32).to.equal(crc32(bytes));
    await close(caller);
  });

  it("is not what a file of one part is, nor one of unknown size", async () => {
    const one = await BenchWriter.open(bench, { sizeBytes: PART, partSizeBytes: PART });
    await one.send(bytes.subarray(0, PART));
    expect((await one.writer.finish({ sizeBytes: undefined })).put).to.include({ sizeBytes: PART });
    const unknown = await BenchWriter.open(bench, { partSizeBytes: PART });
    bench.objects.faults.add("part", { kind: "retry" }, { times: 2 });
    await unknown.send(bytes);
    expect((await unknown.writer.finish({ sizeBytes: undefined })).crc32).to.equal(crc32(bytes));
    await close(one, unknown);
  });

  describe("and fails", () => {
    it("ends the writer with an error to be retried, and the part is sent again by the next", async () => {
      bench.objects.faults.add("part", { kind: "retry" }, { partNumber: 2 });
      const caller = await BenchWriter.open(bench, upload);
      await caller.send(bytes, { chunkBytes: 50 }).catch(() => {});
      expect(await caller.failed).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
      await caller.writer.close();
      const again = await BenchWriter.resume(bench, caller.uploadId);
      const { durableOffset } = again.writer;
      expect(durableOffset).to.equal(PART);
      await again.send(bytes.subarray(durableOffset), { offset: durableOffset });
      expect((await again.writer.finish({ sizeBytes: undefined })).crc32).to.equal(crc32(bytes));
      await close(caller, again);
    });

    it("gives everything back when the writer is closed while its caller waits for room", async () => {
      bench.objects.faults.add("part", { kind: "hang" }, { partNumber: 1 });
      const caller = await BenchWriter.open(bench, upload);
      caller.writer.beginChunk({ offset: 0, lengthBytes: 500, crc32: undefined });
      const offer = () => caller.writer.write(bytes.subarray(caller.writer.receivedBytes, 500));
      await until("the window is full", () => offer() === 0 && caller.writer.receivedBytes === WINDOW);
      expect(caller.writer.isWaiting).to.equal(true);
      await close(caller);
      expect(await durableParts(caller)).to.deep.equal([]);
    });
  });

  describe("with chunks that have a CRC32", () => {
    it("names a wrong one before its checksum goes, so that the part never counts", async () => {
      bench = createBench({
        limits: { ...limits, replayablePartMaxBytes: 2000, chunkSizeMaxBytes: 2000 },
        budgetParts: 100,
      });
      const large = seededBytes(9000);
      const caller = await BenchWriter.open(bench, { sizeBytes: 9000, partSizeBytes: 4000 });
      await caller.chunk(0, large.subarray(0, 2000), { crc32: true });
      const wrong = caller.chunk(2000, large.subarray(2000, 4000), { crc32: 7 });
      const error = await expectRefusal(wrong, "CHECKSUM_MISMATCH");
      expect(error.details).to.include({ chunk_offset: 2000, chunk_bytes: 2000, expected_crc32: "00000007" });
      await close(caller);
      expect(await durableParts(caller)).to.deep.equal([]);
    });

    it("ends no part before the chunk that reaches into the next is verified", async () => {
      for (const crc of [true, 9] as const) {
        const caller = await BenchWriter.open(bench, upload);
        await caller.chunk(0, bytes.subarray(0, 350), { crc32: true });
        const crossing = caller.chunk(350, bytes.subarray(350, 700), { crc32: crc });
        if (crc === true) {
          await crossing;
          await until("it is durable", () => caller.writer.durableOffset === PART);
        } else {
          const error = await expectRefusal(crossing, "CHECKSUM_MISMATCH");
          expect(error.details).to.include({ chunk_offset: 350 });
        }
        await close(caller);
        expect(await durableParts(caller)).to.deep.equal(crc === true ? [[1, PART]] : []);
      }
    });

    it("compares what is durable already, and holds no memory for it", async () => {
      const caller = await BenchWriter.open(bench, upload);
      await caller.send(bytes.subarray(0, 500), { chunkBytes: 50 });
      await until("a part is durable", () => caller.writer.durableOffset === PART);
      await close(caller);
      const again = await BenchWriter.resume(bench, caller.uploadId);
      await again.send(bytes.subarray(0, 350), { crc32: true });
      expect(bench.budget.usedBytes).to.equal(0);
      await expectRefusal(again.chunk(350, seededBytes(50, 9)), "CHECKSUM_MISMATCH");
      await close(again);
    });
  });

  describe("while memory is short", () => {
    let now: number;
    const { signal } = new AbortController();
    beforeEach(() => {
      now = 0;
      bench = createBench({
        limits,
        budgetParts: 2,
        policy: { stepBytes: 10, slowAfterMs: 1000, slowFactor: 4, now: () => now },
      });
    });
    const pass = (ms: number) => {
      for (const end = now + ms; now < end; ) {
        now += 250;
        bench.budget.rebalance();
      }
    };

    it("begins with a step, takes the whole window where that is free, and is cut to a step where others wait", async () => {
      const caller = await BenchWriter.open(bench, upload);
      await caller.chunk(0, bytes.subarray(0, 1));
      expect(bench.budget.usedBytes).to.equal(10);
      await caller.chunk(1, bytes.subarray(1, 20));
      expect(bench.budget.usedBytes).to.equal(WINDOW);
      pass(5000);
      const permit = bench.budget.open();
      const turn = { namespace: "default", uploadId: "another" };
      const granted = bench.budget.grow(permit, 190, { turn, signal });
      pass(250);
      await granted;
      expect(bench.budget.usedBytes).to.equal(200);
      await caller.send(bytes.subarray(20, 390), { offset: 20 });
      expect(bench.budget.usedBytes, "it goes on by steps").to.equal(200);
      bench.budget.release(permit);
      await caller.send(bytes.subarray(390), { offset: 390 });
      expect((await caller.writer.finish({ sizeBytes: undefined })).crc32).to.equal(crc32(bytes));
      await close(caller);
    });
  });
});
