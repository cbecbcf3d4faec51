import { crc32 } from "node:zlib";
import { expect } from "chai";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { fileOfAllParts } from "../testing/rigs/uploads/file-of-all-parts.ts";
import { encodeRequest } from "../testing/rigs/uploads/raw-write-call.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("A file may have", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  for (const isKnown of [true, false]) {
    const partBytes = isKnown ? PART_BYTES : 2 * PART_BYTES;
    for (const sizeBytes of [0, 1, partBytes - 1, partBytes, partBytes + 1, 2 * partBytes, 3 * partBytes - 1]) {
      const isOnePart = sizeBytes <= partBytes;
      it(`${sizeBytes} bytes, ${isKnown ? "declared" : "unknown before"}: ${isOnePart ? "one PutObject" : "a multipart upload"}`, async () => {
        const { s3 } = rig.service;
        const before = { put: s3.requestCount("PutObject"), multipart: s3.requestCount("CreateMultipartUpload") };
        for (const withCrc of [true, false]) {
          const bytes = seededBytes(sizeBytes);
          const call = rig.create(isKnown ? { sizeBytes: BigInt(sizeBytes) } : {});
          call
            .sendBytes(bytes, withCrc ? { crc32 } : {})
            .send({ finish: { sizeBytes: BigInt(sizeBytes) } })
            .end();
          await rig.expectFile(await call.committed(), bytes);
          expect((await call.status).code).to.equal(0);
        }
        expect(s3.requestCount("PutObject") - before.put).to.equal(isOnePart ? 2 : 0);
        expect(s3.requestCount("CreateMultipartUpload") - before.multipart).to.equal(isOnePart ? 0 : 2);
      });
    }
  }

  it("chunks of one byte, with and without their CRC32, in a message each", async () => {
    for (const request of [{ sizeBytes: BigInt(PART_BYTES + 100) }, {}]) {
      const bytes = seededBytes(PART_BYTES + 100);
      const call = rig.create(request);
      await call.started();
      const half = PART_BYTES / 2;
      call.send(toTinyChunks(bytes.subarray(0, half), 0, { withCrc: true }));
      call.send(toTinyChunks(bytes.subarray(half), half, { withCrc: false }));
      call.send({ finish: { crc32: crc32(bytes) } }).end();
      await rig.expectFile(await call.committed(), bytes);
    }
  });

  it("a likely size, which only chooses the part size", async () => {
    const call = rig.create({ sizeHintBytes: 4_000_000_000n });
    const { partSizeBytes } = await call.started();
    expect(Number(partSizeBytes)).to.equal(2 ** 20);
    call.sendBytes(seededBytes(1000)).send({ finish: {} });
    await rig.expectFile(await call.committed(), seededBytes(1000));
  });
});

/** A message for each byte. */
function toTinyChunks(bytes: Uint8Array, offset: number, { withCrc }: { withCrc: boolean }): Buffer {
  const messages = Array.from(bytes, (byte, index) => {
    const data = Uint8Array.of(byte);
    const sum = withCrc ? { crc32: crc32(data) } : {};
    return encodeRequest({ chunk: { offset: BigInt(offset + index), data, ...sum } });
  });
  return Buffer.concat(messages);
}

// The second tier has 10,000 parts.
fileOfAllParts(12);
