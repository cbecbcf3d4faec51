import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { UploadService } from "../../../../gen/sluice/v1/upload_service_pb.ts";
import { SERVICE_TOKEN } from "../service/running-service.ts";
import { putPresigned } from "../storage/s3-subject.ts";
import { until } from "../until.ts";
import { seededBytes, type UploadRig } from "./upload-rig.ts";

/** S3's smallest part but the last, which versitygw insists on too. */
export const S3_PART_MIN_BYTES = 5 * 2 ** 20;

/**
 * Upload, resume and download against one S3 server; `partBytes` is its smallest part. `open` may return a sentence that
 * says what is missing: the suite then prints it and skips itself.
 */
export function describeUploads(name: string, open: () => Promise<UploadRig | string>, partBytes: number): void {
  describe(`The whole road of a file on ${name}`, () => {
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
      // A suite that skipped itself has no rig.
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

    it("makes one file of parts by stream, by WritePart and by presigned URL", async () => {
      const bytes = seededBytes(3 * partBytes + 7, 6);
      const partOf = (number: number) => bytes.subarray((number - 1) * partBytes, number * partBytes);
      const path = rig.nextPath();
      const { uploadId } = await rig.client.createUpload(path, { sizeBytes: BigInt(bytes.length) });
      const client = createClient(UploadService, createGrpcTransport({ baseUrl: rig.service.url }));
      const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
      const target = { namespace: "default", uploadId };
      const toPart = (partNumber: number) => ({ partNumber, crc32: crc32(partOf(partNumber)) });
      const wanted = [2, 4].map((number) => ({ ...toPart(number), sizeBytes: BigInt(partOf(number).length) }));
      const { parts } = await client.signParts({ ...target, parts: wanted }, { headers });
      for (const part of parts) {
        expect(await putPresigned(part.url, part.headers, seededBytes(partOf(part.partNumber).length))).to.equal(400);
        expect(await putPresigned(part.url, part.headers, partOf(part.partNumber))).to.equal(200);
      }
      await client.writePart({ ...target, ...toPart(3), data: Uint8Array.from(partOf(3)) }, { headers });
      const lane = { offset: 0n, sizeBytes: BigInt(partBytes) };
      const call = rig
        .connect()
        .write()
        .send({ start: { target: { case: "upload", value: target }, lane } });
      await call.started();
      call.sendBytes(partOf(1), { chunkBytes: 2 ** 18, crc32 }).send({ finish: { commit: false } });
      expect((await call.status).code).to.equal(0);
      const { receipt } = await rig.client.completeUpload(uploadId, { crc32: crc32(bytes) });
      expect(receipt?.crc32).to.equal(crc32(bytes));
      expect((await rig.download(path)).equals(bytes)).to.equal(true);
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
