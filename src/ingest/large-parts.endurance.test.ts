import { crc32 } from "node:zlib";
import { expect } from "chai";
import { until } from "../testing/rigs/until.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const MIB = 2 ** 20;
const ABORTED = 10;
const PART = 6 * MIB;
const WINDOW = 512 * 1024;
/** What a caller or storage may be silent for: far longer than a busy machine takes for what is not to be given up. */
const IDLE_MS = 10_000;

describe("An upload of parts too large to be kept, for as long as it takes", () => {
  const bytes = seededBytes(4 * PART - 1000, 5);
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start({
      settings: { SLUICE_MEMORY_BUDGET_BYTES: String(16 * MIB), SLUICE_STALL_TIMEOUT_MS: "60000" },
      uploads: { replayablePartMaxBytes: 4 * MIB, oneShotWindowBytes: WINDOW, partsMax: 4 },
      body: { idleTimeoutMs: IDLE_MS, answerTimeoutMs: IDLE_MS },
    });
  });
  after(() => rig.stop());
  afterEach(async () => {
    expect(rig.service.s3.faults.pending, "faults that did not strike").to.equal(0);
    await rig.expectNothingLeft();
  });

  const create = async (sizeBytes = bytes.length) => {
    const call = rig.create({ sizeBytes: BigInt(sizeBytes) });
    const { uploadId, partSizeBytes } = await call.started();
    return { call, uploadId, partSizeBytes: Number(partSizeBytes) };
  };

  it("gives up a part whose caller is silent before storage does, and says so", async () => {
    const { call, uploadId } = await create();
    call.sendBytes(bytes.subarray(0, PART + MIB), { crc32 });
    await expectRefused(call, {
      code: ABORTED,
      reason: "STALLED",
      says: `part 2 is too large to be kept and nothing of it came for ${IDLE_MS} ms`,
      metadata: { upload_id: uploadId, durable_offset: String(PART), idle_timeout_ms: String(IDLE_MS) },
    });
    const committed = await rig.client.upload(bytes, rig.nextPath(), { resumeUploadId: uploadId, lanes: 1 });
    await rig.expectFile(committed, bytes);
    expect(Number(committed.file?.generation)).to.equal(1);
  });

  it("is finished by the client though storage never answers a part, from that part on", async () => {
    rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 3 }, fault: { kind: "hang" } });
    const committed = await rig.client.upload(bytes, rig.nextPath(), { lanes: 1, retry: { delayBaseMs: 1 } });
    await rig.expectFile(committed, bytes);
  });

  it("holds its caller back while storage is slow, with no more than the window", async () => {
    // More than the buffers of a socket take, of which those that receive may grow to 32 MiB, half of it for bytes.
    const large = Buffer.alloc(128 * MIB - 1000, bytes);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 1 }, fault: { kind: "hold", released } });
    const { call, partSizeBytes } = await create(large.length);
    expect(partSizeBytes).to.equal(32 * MIB);
    call.sendBytes(large, { crc32 }).send({ finish: { crc32: crc32(large) } });
    const receivedAt = (index: number) => {
      const { message } = call.answers.at(index) ?? {};
      return message?.case === "progress" ? Number(message.value.receivedBytes) : 0;
    };
    // Progress is told every few seconds even when there is none: two answers alike mean that nothing came in between.
    await until("no more is received", () => receivedAt(-1) > 0 && receivedAt(-1) === receivedAt(-2));
    expect(receivedAt(-1)).to.be.below(partSizeBytes);
    expect(rig.service.app.load.partBytes).to.be.at.most(2 * WINDOW);
    release();
    await rig.expectFile(await call.committed(), large);
  });
});
