import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { Fault } from "../devstack/s3-server/faults.ts";
import { until } from "../testing/rigs/until.ts";
import { encodeRequest } from "../testing/rigs/uploads/raw-write-call.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const MIB = 2 ** 20;
const ABORTED = 10;
const UNAVAILABLE = 14;

describe("An upload of parts too large to be kept", () => {
  const WINDOW = 512 * 1024;
  const PART = 6 * MIB;
  const KEPT_MAX = 4 * MIB;
  const SIZE = 4 * PART - 1000;
  const bytes = seededBytes(SIZE, 5);
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start({
      settings: { SLUICE_MEMORY_BUDGET_BYTES: String(16 * MIB) },
      uploads: { replayablePartMaxBytes: KEPT_MAX, oneShotWindowBytes: WINDOW, partsMax: 4 },
      // No timer decides here: what happens when time runs out is told by the tests of one-shot bodies, and in the endurance tier.
      body: { idleTimeoutMs: 3_600_000, answerTimeoutMs: 3_600_000 },
    });
  });
  after(() => rig.stop());
  afterEach(async () => {
    expect(rig.service.s3.faults.pending, "faults that did not strike").to.equal(0);
    await rig.expectNothingLeft();
  });

  const requests = () => {
    const { s3 } = rig.service;
    return { parts: s3.requestCount("UploadPart"), begun: s3.requestCount("CreateMultipartUpload") };
  };
  /** Runs `work`; the most bytes of parts that the service held meanwhile. */
  const watchMemory = async (work: Promise<unknown>) => {
    let most = 0;
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    work.then(over, over);
    while (!isOver) {
      most = Math.max(most, rig.service.app.load.partBytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await work;
    return most;
  };
  const create = async (sizeBytes = SIZE) => {
    const call = rig.create({ sizeBytes: BigInt(sizeBytes) });
    const { uploadId, partSizeBytes } = await call.started();
    return { call, uploadId, partSizeBytes: Number(partSizeBytes) };
  };

  it("stores the bytes, and holds no more of them than a window, or two while a part ends", async () => {
    const before = requests();
    const path = rig.nextPath();
    const uploading = rig.client.upload(bytes, path, { lanes: 1 });
    const most = await watchMemory(uploading);
    await rig.expectFile(await uploading, bytes);
    expect(most)
      .to.be.greaterThan(0)
      .and.at.most(2 * WINDOW);
    expect(requests()).to.deep.equal({ parts: before.parts + 4, begun: before.begun + 1 });
  });

  it("takes chunks without a CRC32, such as cross parts, and a last part that can be kept", async () => {
    for (const withCrc of [true, false]) {
      const some = bytes.subarray(0, 3 * PART + 100_000);
      const { call, partSizeBytes } = await create(some.length);
      expect(partSizeBytes).to.equal(5 * MIB);
      call.sendBytes(some, { chunkBytes: 777_777, ...(withCrc && { crc32 }) }).send({ finish: { crc32: crc32(some) } });
      await rig.expectFile(await call.committed(), some);
    }
  });

  it("is written by lanes", async () => {
    const committed = await rig.client.upload(bytes, rig.nextPath(), { lanes: 3 });
    await rig.expectFile(committed, bytes);
  });

  it("needs a declared size, which the refusal of a hint says", async () => {
    const refusal = await rig.client
      .upload(
        (async function* () {
          yield bytes.subarray(0, 10);
        })(),
        rig.nextPath(),
        { sizeHintBytes: SIZE },
      )
      .catch((error) => error);
    expect(refusal).to.include({ code: "invalid_argument", reason: "SIZE_LIMIT" });
    expect(refusal.message).to.include("declare size_bytes");
  });

  const passing: [string, Fault][] = [
    ["answers 503 SlowDown to", { kind: "status", status: 503, code: "SlowDown" }],
    ["says BadDigest of", { kind: "status", status: 400, code: "BadDigest" }],
    ["cuts the connection during", { kind: "cut-request", afterBytes: 3 * MIB }],
    ["loses the answer to", { kind: "lost-response" }],
  ];
  for (const [what, fault] of passing) {
    it(`is finished by the client though storage ${what} a part, from that part on`, async () => {
      const before = requests();
      rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 3 }, fault });
      const retry = { delayBaseMs: 1 };
      const committed = await rig.client.upload(bytes, rig.nextPath(), { lanes: 1, retry });
      await rig.expectFile(committed, bytes);
      const { parts, begun } = requests();
      expect(begun).to.equal(before.begun + 1);
      // The part itself, and one that had begun behind it.
      expect(parts - before.parts).to.be.within(5, 6);
    });
  }

  it("ends with the durable offset when a part fails, and goes on there", async () => {
    const fault: Fault = { kind: "status", status: 503, code: "SlowDown" };
    rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 2 }, fault });
    const { call, uploadId } = await create();
    call.sendBytes(bytes, { crc32 });
    const status = await expectRefused(call, {
      code: UNAVAILABLE,
      reason: "STORAGE_UNAVAILABLE",
      says: "part 2: storage does not answer",
      metadata: { upload_id: uploadId, durable_offset: String(PART) },
    });
    expect(status.retryAfterMs).to.be.greaterThan(0);
    await rig.complete(uploadId, bytes);
  });

  it("names a chunk that its CRC32 does not fit, before its part could become durable", async () => {
    const { call, uploadId } = await create();
    const offset = 2 * PART - 300_000;
    call.sendBytes(bytes.subarray(0, offset), { crc32 });
    // Crosses into the third part: the second must not be ended before all of it is verified.
    const data = Uint8Array.from(bytes.subarray(offset, offset + 600_000));
    call.send(encodeRequest({ chunk: { offset: BigInt(offset), data, crc32: 1 } }));
    await expectRefused(call, {
      code: ABORTED,
      reason: "CHECKSUM_MISMATCH",
      says: `the chunk at offset ${offset} (600000 bytes)`,
      metadata: { chunk_offset: String(offset), durable_offset: String(PART), upload_id: uploadId },
    });
    const { durableBytes } = await rig.client.getUpload(uploadId);
    expect(Number(durableBytes)).to.equal(PART);
    const committed = await rig.client.upload(bytes, rig.nextPath(), { resumeUploadId: uploadId, lanes: 1 });
    await rig.expectFile(committed, bytes);
  });

  it("goes on behind the last whole part when its caller goes away in the middle of one", async () => {
    const { call, uploadId } = await create();
    call.sendBytes(bytes.subarray(0, 2 * PART + MIB), { crc32 });
    await call.durable(2 * PART);
    call.reset();
    await until("the stream has settled", () => rig.service.app.load.sessions === 0);
    expect(rig.service.app.load.partBytes).to.equal(0);
    const before = requests();
    await rig.complete(uploadId, bytes);
    expect(requests().parts - before.parts).to.equal(2);
  });

  it("compares what is sent again of durable parts", async () => {
    const { call, uploadId } = await create();
    call.sendBytes(bytes.subarray(0, PART), { crc32 });
    await call.durable(PART);
    call.reset();
    const other = rig.resume(uploadId);
    await other.started();
    other.sendBytes(seededBytes(PART, 6), { crc32 });
    await expectRefused(other, { code: ABORTED, reason: "CHECKSUM_MISMATCH", says: "begin a new upload" });
    const again = rig.resume(uploadId);
    again.sendBytes(bytes, { crc32 }).send({ finish: { crc32: crc32(bytes) } });
    await rig.expectFile(await again.committed(), bytes);
  });
});
