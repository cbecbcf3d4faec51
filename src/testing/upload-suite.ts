import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { until } from "./until.ts";
import { seededBytes, type UploadRig } from "./upload-rig.ts";

/**
 * Upload, resume and download against one S3 server; `partBytes` is its smallest part. `open` may say what is missing: the
 * suite then says so and skips itself.
 */
export function describeUploads(name: string, open: () => Promise<UploadRig | string>, partBytes: number): void {
  describe(`The whole road of a file on ${name}`, function () {
    this.timeout(60_000);
    let rig: UploadRig;
    before(async function () {
      const opened = await open();
      if (typeof opened !== "string") {
        rig = opened;
        return;
      }
      console.log(`      skipped: ${opened}`);
      this.skip();
    });
    after(async () => {
      // A suite that skipped itself has none.
      await rig?.stop();
    });
    afterEach(() => rig.expectNothingLeft());

    for (const sizeBytes of [0, 1, partBytes - 1, partBytes, partBytes + 1, 3 * partBytes + 7]) {
      it(`carries ${sizeBytes} bytes there and back, declared or not`, async () => {
        const bytes = seededBytes(sizeBytes);
        for (const request of [{ sizeBytes: BigInt(sizeBytes) }, {}]) {
          const call = rig
            .create(request)
            .sendBytes(bytes, { chunkBytes: 2 ** 18, crc32 })
            .send({ finish: {} })
            .end();
          await rig.expectFile(await call.committed(), bytes);
        }
      });
    }

    it("goes on after a cut, and reads the file back for its SHA-256", async () => {
      const bytes = seededBytes(3 * partBytes + 7, 3);
      const connection = rig.connect();
      const call = rig.create({ sizeBytes: BigInt(bytes.length), computeSha256: true }, connection);
      const { uploadId } = await call.started();
      call.sendBytes(bytes.subarray(0, 2 * partBytes + 1000), { chunkBytes: 2 ** 18 });
      await call.durable(2 * partBytes);
      connection.cut();
      await until("the stream has settled", () => rig.service.app.load.sessions === 0);
      const { receipt } = await rig.complete(uploadId, bytes);
      expect(Buffer.from(receipt?.sha256 ?? [])).to.deep.equal(createHash("sha256").update(bytes).digest());
    });

    it("refuses a chunk that was damaged on the way, by name", async () => {
      const bytes = seededBytes(2 * partBytes, 4);
      const call = rig.create({ sizeBytes: BigInt(bytes.length) });
      const { uploadId } = await call.started();
      call.sendBytes(bytes.subarray(0, partBytes), { chunkBytes: 2 ** 18, crc32: (data) => (crc32(data) ^ 1) >>> 0 });
      const { reason, metadata } = await call.status;
      expect(reason).to.equal("CHECKSUM_MISMATCH");
      expect(metadata).to.include({ chunk_offset: "0", durable_offset: "0" });
      await rig.complete(uploadId, bytes);
    });

    it("frees what an aborted upload stored", async () => {
      const bytes = seededBytes(2 * partBytes, 5);
      const call = rig.create({ sizeBytes: BigInt(2 * bytes.length) });
      const { uploadId } = await call.started();
      call.sendBytes(bytes, { chunkBytes: 2 ** 18 });
      await call.durable(bytes.length);
      await rig.client.abortUpload(uploadId);
      call.reset();
    });
  });
}
