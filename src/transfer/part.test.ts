import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { WrittenBytes } from "../commands/uploads/written-bytes.ts";
import type { DomainError } from "../domain/errors.ts";
import { noteWhole } from "../domain/memory/buffer-accounts.ts";
import { HeldBytes } from "../domain/memory/held-bytes.ts";
import type { BodyAck } from "../domain/object-store.ts";
import type { NewUpload } from "../domain/uploads/upload-catalogue.ts";
import { expectRefusal } from "../testing/rigs/database/repository-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import {
  type Bench,
  BenchWriter,
  createBench,
  BENCH_PART_BYTES as PART,
} from "../testing/rigs/uploads/writer-bench.ts";

describe("a part that comes slowly", () => {
  let now: number;
  let bench: Bench;
  const bytes = seededBytes(3 * PART);
  const { signal } = new AbortController();
  beforeEach(() => {
    now = 0;
    bench = createBench({
      budgetParts: 4,
      policy: { stepBytes: 10, slowAfterMs: 1000, slowFactor: 4, now: () => now },
    });
  });

  const pass = (ms: number) => {
    for (const end = now + ms; now < end; ) {
      now += 250;
      bench.budget.rebalance();
    }
  };
  /** Somebody else wants nearly all memory, and gives it back when told. */
  const want = (wantedBytes: number) => {
    const permit = bench.budget.open();
    const turn = { namespace: "default", uploadId: "another" };
    const granted = bench.budget.grow(permit, wantedBytes, { turn, signal });
    return { granted, giveBack: () => bench.budget.release(permit) };
  };
  /** A writer whose first bytes are spilled. */
  const trickle = async (upload: Partial<NewUpload>, firstBytes = 30) => {
    const caller = await BenchWriter.open(bench, upload);
    await caller.send(bytes.subarray(0, firstBytes));
    pass(5000);
    const other = want(4 * PART - 10);
    pass(250);
    await other.granted;
    return { caller, other };
  };
  const close = async (caller: BenchWriter) => {
    await caller.writer.close();
    expect({ used: bench.budget.usedBytes, bodies: bench.objects.bodiesInFlight }).to.deep.equal({
      used: 0,
      bodies: 0,
    });
  };

  it("is charged by the bytes that come, a step ahead of them", async () => {
    const caller = await BenchWriter.open(bench, { sizeBytes: 300 });
    await caller.chunk(0, bytes.subarray(0, 1));
    expect(bench.budget.usedBytes).to.equal(10);
    pass(60_000);
    await caller.chunk(1, bytes.subarray(1, 15));
    expect(bench.budget.usedBytes).to.equal(20);
    await close(caller);
  });

  it("is charged whole from the start where earlier ones came fast", async () => {
    const caller = await BenchWriter.open(bench, { sizeBytes: 300 });
    await caller.send(bytes.subarray(0, PART));
    await caller.chunk(PART, bytes.subarray(PART, PART + 1));
    await until("the first part is durable", () => caller.writer.durableBytes === PART);
    expect(bench.budget.usedBytes).to.equal(PART);
    await close(caller);
  });

  const uploads: Record<string, { upload: Partial<NewUpload>; sizeBytes: number }> = {
    "one part of several": { upload: { sizeBytes: 250 }, sizeBytes: 250 },
    "a whole file of declared size": { upload: { sizeBytes: 90 }, sizeBytes: 90 },
    "the first part of unknown size, which turns out to be the whole file": { upload: {}, sizeBytes: 60 },
    "the first part of unknown size, which turns out to be the first of several": { upload: {}, sizeBytes: 230 },
  };
  for (const [what, { upload, sizeBytes }] of Object.entries(uploads)) {
    it(`is spilled and sent all the same: ${what}`, async () => {
      const { caller, other } = await trickle(upload);
      other.giveBack();
      await caller.send(bytes.subarray(30, sizeBytes), { offset: 30, chunkBytes: 20 });
      const written = await caller.writer.finish({ sizeBytes });
      expect(written).to.deep.include({ sizeBytes, crc32: crc32(bytes.subarray(0, sizeBytes)) });
      await close(caller);
    });
  }

  it("is spilled again and again, a piece each time, and needs no memory for all of it before it is whole", async () => {
    const { caller, other } = await trickle({ sizeBytes: 100 });
    other.giveBack();
    for (let offset = 30; offset < 90; offset += 20) {
      await caller.send(bytes.subarray(offset, offset + 20), { offset });
      pass(5000);
      const next = want(4 * PART - 10);
      pass(250);
      await next.granted;
      next.giveBack();
    }
    expect(bench.objects.keys).to.have.length(4);
    await caller.send(bytes.subarray(90, 100), { offset: 90 });
    expect((await caller.writer.finish({ sizeBytes: 100 })).crc32).to.equal(crc32(bytes.subarray(0, 100)));
    await close(caller);
  });

  it("is put together, once it is whole, though others have all memory: one part at a time", async () => {
    const second = await BenchWriter.open(bench, {});
    await second.send(bytes.subarray(0, 10));
    const { caller, other } = await trickle({}, 90);
    const reads = bench.objects.faults.add("read", { kind: "hang" });
    const finishing = [caller.writer.finish({ sizeBytes: 90 }), second.writer.finish({ sizeBytes: 10 })];
    await until("what the first spilled is read", () => bench.objects.faults.pending === 0);
    expect(bench.budget.usedBytes, "nothing is free, and one of them has its bytes all the same").to.equal(
      4 * PART - 10 + 90,
    );
    reads.release();
    for (const [index, sizeBytes] of [90, 10].entries()) {
      const { put } = await (finishing[index] as Promise<WrittenBytes>);
      expect(put).to.deep.include({ sizeBytes, crc32: crc32(bytes.subarray(0, sizeBytes)) });
    }
    other.giveBack();
    await second.writer.close();
    await close(caller);
  });

  it("keeps the bytes of a spill that comes together with storage's answer", async () => {
    const answer = Promise.withResolvers<BodyAck>();
    const kept = new HeldBytes();
    const body = {
      write: (one: Uint8Array) => kept.add(one),
      end: () => {},
      abort: () => {},
      done: answer.promise,
      kept,
    };
    const { objects } = bench;
    const beginPut = objects.beginPut.bind(objects);
    objects.beginPut = (...args) => {
      objects.beginPut = beginPut;
      return args[1] === PART ? body : beginPut(...args);
    };
    const caller = await BenchWriter.open(bench, { sizeBytes: PART });
    const first = Uint8Array.from(bytes.subarray(0, 30));
    noteWhole(first);
    await caller.chunk(0, first);
    pass(5000);
    const other = want(4 * PART - 10);
    answer.resolve({ key: "k", etag: "e", versionId: "" });
    pass(250);
    await other.granted;
    expect(first).to.have.length(30);
    other.giveBack();
    await caller.send(bytes.subarray(30, PART), { offset: 30 });
    const written = await caller.writer.finish({ sizeBytes: undefined });
    expect(written.put).to.include({ sizeBytes: PART, crc32: crc32(bytes.subarray(0, PART)) });
    await close(caller);
  });

  it("fails its writer when S3 does not take what is spilled, and gives everything back", async () => {
    bench.objects.faults.add("put", { kind: "fail" });
    const caller = await BenchWriter.open(bench, { sizeBytes: 300 });
    await caller.send(bytes.subarray(0, 30));
    pass(5000);
    const other = want(4 * PART - 10);
    pass(250);
    expect(await caller.failed).to.have.property("reason", "STORAGE_UNAVAILABLE");
    await caller.writer.close();
    await other.granted;
    other.giveBack();
    await close(caller);
  });

  it("fails its writer when what was spilled cannot be read back", async () => {
    const { caller, other } = await trickle({ sizeBytes: 100 });
    bench.objects.faults.add("read", { kind: "fail" });
    other.giveBack();
    await caller.send(bytes.subarray(30, 100), { offset: 30 });
    await expectRefusal(caller.writer.finish({ sizeBytes: 100 }), "STORAGE_UNAVAILABLE");
    await close(caller);
  });

  it("names the wrong chunk among those that were spilled", async () => {
    bench = createBench({
      budgetParts: 400,
      limits: { chunkSizeMaxBytes: 10_000 },
      policy: { stepBytes: 1000, slowAfterMs: 1000, slowFactor: 4, now: () => now },
    });
    const large = seededBytes(10_000);
    const caller = await BenchWriter.open(bench, { sizeBytes: 10_000, partSizeBytes: 10_000 });
    await caller.chunk(0, large.subarray(0, 2000), { crc32: true });
    await caller.chunk(2000, large.subarray(2000, 4000), { crc32: 7 });
    pass(5000);
    const other = want(400 * PART - 1000);
    pass(250);
    await other.granted;
    other.giveBack();
    await caller.chunk(4000, large.subarray(4000), { crc32: true });
    const error = (await caller.failed) as DomainError;
    expect(error.details).to.include({ chunk_offset: 2000, chunk_bytes: 2000 });
    await close(caller);
  });

  it("is given up at once when its writer is closed while it waits for memory that others have", async () => {
    const caller = await BenchWriter.open(bench, { sizeBytes: 300 });
    await caller.chunk(0, bytes.subarray(0, 5));
    const other = want(4 * PART - 10);
    await other.granted;
    caller.writer.beginChunk({ offset: 5, lengthBytes: 20, crc32: undefined });
    expect(caller.writer.write(bytes.subarray(5, 25))).to.equal(5);
    expect(caller.writer.isWaiting).to.equal(true);
    await caller.writer.close();
    expect(bench.budget.usedBytes).to.equal(4 * PART - 10);
    other.giveBack();
    await close(caller);
  });

  for (const [when, fault] of Object.entries({ "its bytes go away": "put", "they come back": "read" } as const)) {
    it(`is given up when its writer is closed while ${when}`, async () => {
      const hanging = bench.objects.faults.add(fault, { kind: "hang" });
      const caller = await BenchWriter.open(bench, { sizeBytes: 100 });
      await caller.send(bytes.subarray(0, 30));
      pass(5000);
      const other = want(4 * PART - 10);
      pass(250);
      if (fault === "read") {
        await other.granted;
        other.giveBack();
        await caller.send(bytes.subarray(30, 100), { offset: 30 });
        await until("it is read", () => bench.objects.bodiesInFlight === 1);
      }
      const closing = caller.writer.close();
      if (fault === "read") hanging.release();
      await closing;
      await other.granted;
      other.giveBack();
      await close(caller);
    });
  }
});
