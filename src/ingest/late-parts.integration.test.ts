import { crc32 } from "node:zlib";
import { expect } from "chai";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("A part of a fenced writer that lands late", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(3 * PART_BYTES + 10);
  const stale = seededBytes(PART_BYTES, 2);
  /** An upload whose second part storage has of the older writer, and the database of the newer, who still writes. */
  const overtake = async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const older = rig.create({ sizeBytes: BigInt(bytes.length) });
    const { uploadId } = await older.started();
    older.sendBytes(bytes.subarray(0, PART_BYTES));
    await older.durable(PART_BYTES);
    rig.service.s3.faults.add({
      operation: "UploadPart",
      match: { partNumber: 2 },
      fault: { kind: "hold", released },
    });
    older.sendBytes(stale, { offset: PART_BYTES });
    await until("the request of the older is held", () => rig.service.s3.faults.pending === 0);
    const newer = rig.resume(uploadId);
    expect(Number((await newer.started()).durableOffset)).to.equal(PART_BYTES);
    newer.sendBytes(bytes.subarray(PART_BYTES), { offset: PART_BYTES });
    await newer.durable(bytes.length);
    release();
    await expectRefused(older, { code: 10, reason: "WRITER_FENCED", says: "replaced by a newer one" });
    return { uploadId, newer };
  };
  const missing = `${PART_BYTES}-${2 * PART_BYTES - 1}`;
  const refusal = { code: 10, reason: "CHECKSUM_MISMATCH", says: "send the gaps again" };

  it("becomes a gap that the caller of the commit hears, sends and commits", async () => {
    const { uploadId, newer } = await overtake();
    const metadata = { lost_parts: "1", missing_ranges: missing, durable_offset: String(PART_BYTES) };
    await expectRefused(newer.send({ finish: { crc32: crc32(bytes) } }), { ...refusal, metadata });
    const { state, durableRanges } = await rig.client.getUpload(uploadId);
    expect(state, "open").to.equal(1);
    expect(durableRanges.map(({ offset, sizeBytes }) => [Number(offset), Number(sizeBytes)])).to.deep.equal([
      [0, PART_BYTES],
      [2 * PART_BYTES, PART_BYTES + 10],
    ]);
    const [from, to] = missing.split("-").map(Number) as [number, number];
    const again = rig.resume(uploadId);
    await again.started();
    again.sendBytes(bytes.subarray(from, to + 1), { offset: from }).send({ finish: { crc32: crc32(bytes) } });
    await rig.expectFile(await again.committed(), bytes);
  });

  it("is heard of by CompleteUpload, whoever has written", async () => {
    const { uploadId, newer } = await overtake();
    const error = await rig.client.completeUpload(uploadId).catch((caught) => caught);
    expect(error).to.have.property("reason", "CHECKSUM_MISMATCH");
    expect(error.details).to.include({ lost_parts: "1", missing_ranges: missing });
    newer.reset();
    await until("the stream has settled", () => rig.service.app.load.sessions === 0);
    await rig.complete(uploadId, bytes);
  });
});
