import { crc32 } from "node:zlib";
import { expect } from "chai";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("many slow uploads", () => {
  /** For parts. */
  const BUDGET_BYTES = 7 * PART_BYTES;
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start({
      // Three eighths of it are for parts.
      settings: { SLUICE_MEMORY_BUDGET_BYTES: String(Math.ceil((BUDGET_BYTES * 8) / 3)), SLUICE_UPLOADS_MAX: "8" },
      // A few streams would take all of so little.
      budget: { slowAfterMs: 500, streamBytes: 0 },
      // Nobody is ended for being slow here, on a machine that is.
      uploads: { stallTimeoutMs: 60_000 },
    });
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  /** Uploads that stop in the middle of their first part, after so many bytes that they fill the memory together. */
  const open = async (sizes: readonly (bigint | undefined)[], firstBytes: number) => {
    const slow = sizes.map((sizeBytes, index) => {
      const bytes = seededBytes(Number(sizeBytes ?? 100_000), index);
      const call = rig.create(sizeBytes === undefined ? {} : { sizeBytes });
      return { bytes, call };
    });
    for (const { bytes, call } of slow) {
      await call.started();
      call.sendBytes(bytes.subarray(0, firstBytes), { crc32 });
    }
    await until("they hold the memory", () => rig.service.app.load.partBytes > BUDGET_BYTES - PART_BYTES);
    return slow;
  };

  it("leave memory to fast ones, and end all the same", async () => {
    const firstBytes = 96_000;
    const slow = await open([undefined, undefined, undefined, undefined, 130_000n], firstBytes);
    const bytes = seededBytes(40 * PART_BYTES);
    const fast = rig
      .create({ sizeBytes: BigInt(bytes.length) })
      .sendBytes(bytes, { crc32 })
      .send({ finish: {} });
    await rig.expectFile(await fast.committed(), bytes);
    for (const { bytes: all, call } of slow) {
      call.sendBytes(all.subarray(firstBytes), { offset: firstBytes, crc32 }).send({ finish: { crc32: crc32(all) } });
    }
    for (const { bytes: all, call } of slow) await rig.expectFile(await call.committed(), all);
    // What they had put aside is no part of any file, and is deleted like other attempts.
    await rig.query("UPDATE upload SET state_time = now() - interval '1 hour'");
    expect((await rig.sweep()).cleaned).to.be.greaterThan(0);
    await rig.expectNothingLeft();
    for (const { bytes: all, call } of slow) await rig.expectFile(await call.committed(), all);
  });

  it("go on where they were when their caller goes away", async () => {
    const slow = await open([undefined, undefined, undefined, undefined, undefined], 96_000);
    const bytes = seededBytes(10 * PART_BYTES);
    const fast = rig
      .create({ sizeBytes: BigInt(bytes.length) })
      .sendBytes(bytes)
      .send({ finish: {} });
    await fast.committed();
    const started = await Promise.all(slow.map(({ call }) => call.started()));
    for (const { call } of slow) call.reset();
    await until("they are gone", () => rig.service.app.load.sessions === 0);
    for (const [index, { uploadId }] of started.entries()) await rig.complete(uploadId, slow[index]?.bytes as Buffer);
    expect(rig.service.app.load.partBytes).to.equal(0);
  });
});
