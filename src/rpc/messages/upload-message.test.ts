import { crc32 } from "node:zlib";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { UploadState } from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { DurablePart } from "../../domain/uploads/upload.ts";
import { sampleFile, sampleUpload } from "../../testing/samples/sample-records.ts";
import { toUploadMessage } from "./upload-message.ts";

const BYTES = Buffer.from(Array.from({ length: 500 }, (_, index) => (index * 7) % 256));

/** Part of the sample bytes, cut into parts of 100. */
function part(partNumber: number, lengthBytes = 100): DurablePart {
  const offset = (partNumber - 1) * 100;
  return {
    partNumber,
    lengthBytes,
    crc32: crc32(BYTES.subarray(offset, offset + lengthBytes)),
    etag: `e${partNumber}`,
  };
}

describe("toUploadMessage", () => {
  it("says what is durable: ranges, their sum, and the beginning with its CRC32", () => {
    const parts = [part(1), part(2), part(4), part(5, 50)];
    const message = toUploadMessage({ upload: sampleUpload({ sizeBytes: 450 }), parts, receivedBytes: 430 });
    expect(message).to.include({
      uploadId: sampleUpload().uploadId,
      namespace: "default",
      path: "incoming/video.mp4",
      state: UploadState.OPEN,
      sizeBytes: 450n,
      partSizeBytes: 100n,
      receivedBytes: 430n,
      durableBytes: 350n,
      durableOffset: 200n,
      durableCrc32: crc32(BYTES.subarray(0, 200)),
    });
    expect(message.durableRanges.map(({ offset, sizeBytes }) => [offset, sizeBytes])).to.deep.equal([
      [0n, 200n],
      [300n, 150n],
    ]);
    expect(timestampDate(message.expireTime!)).to.deep.equal(sampleUpload().expireTime);
    expect(message.file).to.equal(undefined);
  });

  it("says why a commit has failed", () => {
    const failure = { reason: "CHECKSUM_MISMATCH", message: "storage has other bytes" };
    const upload = sampleUpload({ state: "completing", failure });
    expect(toUploadMessage({ upload, parts: [], receivedBytes: 0 }).failure).to.deep.include(failure);
    expect(toUploadMessage({ upload: sampleUpload(), parts: [], receivedBytes: 0 }).failure).to.equal(undefined);
  });

  it("never says that less was received than is durable", () => {
    const message = toUploadMessage({ upload: sampleUpload(), parts: [part(1)], receivedBytes: 10 });
    expect(message.receivedBytes).to.equal(100n);
    expect(message.sizeBytes).to.equal(undefined);
  });

  it("begins at 0 when the first part is missing", () => {
    const message = toUploadMessage({ upload: sampleUpload(), parts: [part(2)], receivedBytes: 0 });
    expect(message).to.include({ durableOffset: 0n, durableCrc32: 0, durableBytes: 100n });
  });

  it("counts all of an assembled object, though a one-part file has no parts", () => {
    const object = { key: "k", versionId: "", etag: "e", sizeBytes: 43, crc32: 77, sha256: undefined };
    const upload = sampleUpload({ state: "committed", sizeBytes: 43, object, file: sampleFile() });
    const message = toUploadMessage({ upload, parts: [], receivedBytes: 0 });
    expect(message).to.include({
      state: UploadState.COMMITTED,
      receivedBytes: 43n,
      durableBytes: 43n,
      durableOffset: 43n,
      durableCrc32: 77,
    });
    expect(message.file?.path).to.equal(sampleFile().path);
    const empty = { ...upload, object: { ...object, sizeBytes: 0, crc32: 0 } };
    expect(toUploadMessage({ upload: empty, parts: [], receivedBytes: 0 }).durableRanges).to.deep.equal([]);
  });

  for (const state of ["aborted", "expired"] as const) {
    it(`says that nothing of an ${state} upload is durable`, () => {
      const message = toUploadMessage({ upload: sampleUpload({ state }), parts: [part(1)], receivedBytes: 100 });
      expect(message).to.include({ durableBytes: 0n, durableOffset: 0n, receivedBytes: 100n });
      expect(message.durableRanges).to.deep.equal([]);
    });
  }
});
