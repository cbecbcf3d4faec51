import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { expectRefusal, newUpload, nextIdentity, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { BENCH_PART_BYTES, type Bench, BenchWriter, createBench } from "../../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../../testing/samples/sample-records.ts";
import { adoptAtStart, readAdopted, readForCommit } from "./adopt-parts.ts";
import { completeUpload } from "./complete-upload.ts";
import { signParts } from "./sign-parts.ts";

const bytes = seededBytes(3 * BENCH_PART_BYTES);
const partOf = (number: number) => bytes.subarray((number - 1) * BENCH_PART_BYTES, number * BENCH_PART_BYTES);

describe("adopting presigned parts", () => {
  const create = async ({ access }: Bench) => {
    const input = newUpload({ partSizeBytes: BENCH_PART_BYTES, sizeBytes: bytes.length });
    return (await access.uploads.catalogue.create(input, nextIdentity())).upload.uploadId;
  };
  const sign = async ({ access }: Bench, uploadId: string, numbers: number[], data = partOf) => {
    const parts = numbers.map((partNumber) => {
      return { partNumber, sizeBytes: data(partNumber).length, crc32: crc32(data(partNumber)) };
    });
    const request = { namespace: "default", uploadId, parts };
    return (await signParts(access, request, { caller: SAMPLE_CALLER })).parts;
  };
  const putAll = async (bench: Bench, uploadId: string, numbers: number[], data = partOf) => {
    for (const { partNumber, url = "", headers } of await sign(bench, uploadId, numbers, data)) {
      expect(bench.objects.upload(url, headers, data(partNumber))).to.equal(200);
    }
  };
  const numbersOf = (parts: readonly { partNumber: number }[]) => parts.map(({ partNumber }) => partNumber);
  const read = ({ access }: Bench, uploadId: string) => readAdopted(access, "default", uploadId);
  const complete = ({ access }: Bench, uploadId: string) =>
    completeUpload(access, { requestId: nextUuid(), namespace: "default", uploadId }, { caller: SAMPLE_CALLER });

  it("costs no more than reading where nothing is outstanding, or nothing was signed in the end", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    bench.objects.faults.add("listParts", { kind: "fail" });
    expect((await read(bench, uploadId)).parts).to.deep.equal([]);
    bench.objects.faults.add("createMultipart", { kind: "fail" });
    await expectRefusal(sign(bench, uploadId, [1]), "STORAGE_UNAVAILABLE");
    expect(numbersOf((await read(bench, uploadId)).outstanding)).to.deep.equal([1]);
    const begin = { instance: "bench", expireAfterMs: 1000 };
    const start = await bench.access.uploads.writers.beginWriter("default", uploadId, begin);
    expect(await adoptAtStart(bench.access, start)).to.equal(start);
    expect(bench.calls.filter((name) => name === "adoptParts")).to.deep.equal([]);
    expect(bench.objects.faults.pending, "listParts was not called").to.equal(1);
    bench.objects.faults.clear();
  });

  it("leaves what is not as signed for a gap, until a commit names it", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    await putAll(bench, uploadId, [1, 2, 3], (number) => (number === 2 ? seededBytes(100, 7) : partOf(number)));
    const [again] = await sign(bench, uploadId, [2]);
    expect(numbersOf((await read(bench, uploadId)).parts)).to.deep.equal([1, 3]);
    const error = await expectRefusal(complete(bench, uploadId), "CHECKSUM_MISMATCH");
    expect(error.message).to.match(/^storage has part 2 with 100 bytes and CRC32 .* sign the part again$/);
    expect(error.details).to.include({ part_number: 2, part_bytes: 100, stored_bytes: 100 });
    bench.objects.upload(again?.url ?? "", again?.headers ?? {}, partOf(2));
    expect((await complete(bench, uploadId)).crc32).to.equal(crc32(bytes));
  });

  it("gives a new writer what was put, and all that was not", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    await putAll(bench, uploadId, [2]);
    await sign(bench, uploadId, [3]);
    const begin = { instance: "bench", expireAfterMs: 1000 };
    const start = await adoptAtStart(
      bench.access,
      await bench.access.uploads.writers.beginWriter("default", uploadId, begin),
    );
    expect(numbersOf(start.parts)).to.deep.equal([2]);
    const next = await bench.access.uploads.writers.beginWriter("default", uploadId, begin);
    expect(numbersOf(next.outstanding)).to.deep.equal([3]);
    expect(await adoptAtStart(bench.access, next)).to.equal(next);
    const caller = await BenchWriter.resume(bench, uploadId);
    await caller.send(bytes);
    await until("all is durable", () => caller.writer.durableBytes === bytes.length);
    await caller.writer.close();
    expect((await complete(bench, uploadId)).crc32).to.equal(crc32(bytes));
  });

  it("takes another call's word that overtakes it", async () => {
    for (const reason of ["UPLOAD_NOT_OPEN", "WRITER_FENCED"] as const) {
      const bench = createBench();
      const uploadId = await create(bench);
      await putAll(bench, uploadId, [1, 2, 3]);
      bench.refuse("adoptParts", new DomainError("aborted", "it is over", { reason }));
      expect((await read(bench, uploadId)).parts).to.deep.equal([]);
      expect((await complete(bench, uploadId)).crc32).to.equal(crc32(bytes));
    }
  });

  it("says what fails, unless the parts can wait", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    await putAll(bench, uploadId, [1, 2, 3]);
    bench.objects.faults.add("listParts", { kind: "fail" }, { times: 2 });
    expect((await read(bench, uploadId)).parts).to.deep.equal([]);
    await expectRefusal(complete(bench, uploadId), "STORAGE_UNAVAILABLE");
    bench.refuse("adoptParts", new TypeError("a defect"));
    const error = await read(bench, uploadId).catch((caught) => caught);
    expect(error).to.be.instanceOf(TypeError);
    expect(numbersOf((await read(bench, uploadId)).parts)).to.deep.equal([1, 2, 3]);
  });

  it("compares the list that a commit brings, whatever the state", async () => {
    const bench = createBench();
    const uploadId = await create(bench);
    await putAll(bench, uploadId, [1, 2]);
    const check = (partNumber: number, etag: string) =>
      readForCommit(bench.access, { namespace: "default", uploadId, listed: [{ partNumber, etag }] });
    const error = await expectRefusal(check(3, "e"), "UPLOAD_INCOMPLETE");
    expect(error).to.include({ field: "parts" });
    const { parts } = await read(bench, uploadId);
    await check(1, `"${parts[0]?.etag}"`);
    expect((await expectRefusal(check(1, "e"), "CHECKSUM_MISMATCH")).details).to.deep.equal({ part_number: 1 });
    await putAll(bench, uploadId, [3]);
    await complete(bench, uploadId);
    await expectRefusal(check(1, "e"), "CHECKSUM_MISMATCH");
    const one = newUpload({ partSizeBytes: BENCH_PART_BYTES, sizeBytes: 10 });
    const { upload } = await bench.access.uploads.catalogue.create(one, nextIdentity());
    const object = { key: upload.s3Key, versionId: "", etag: "e", sizeBytes: 10, crc32: 1, sha256: undefined };
    await bench.access.uploads.commits.assemble(upload.uploadId, object);
    const listed = [{ partNumber: 1, etag: "e" }];
    const target = { namespace: "default", uploadId: upload.uploadId, listed };
    expect((await readForCommit(bench.access, target)).upload.state, "it has no part rows").to.equal("assembled");
  });
});
