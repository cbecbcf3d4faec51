import { timestampDate } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { sampleFile } from "../testing/sample-records.ts";
import { toFileMessage, toReceiptMessage } from "./file-message.ts";

describe("toFileMessage", () => {
  it("shows every field of a live file", () => {
    const file = sampleFile({ sizeBytes: Number.MAX_SAFE_INTEGER, crc32: 0xffffffff });
    const message = toFileMessage(file);
    const { generation, sizeBytes, createTime, updateTime, deleteTime, purgeTime, sha256, $typeName, ...same } =
      message;
    const expected = { ...file } as Record<string, unknown>;
    for (const name of ["generation", "sizeBytes", "createTime", "updateTime", "deleteTime", "purgeTime", "sha256"]) {
      delete expected[name];
    }
    expect(same).to.deep.equal(expected);
    expect([generation, sizeBytes]).to.deep.equal([3n, 9007199254740991n]);
    expect([createTime, updateTime].map((time) => timestampDate(time!))).to.deep.equal([
      file.createTime,
      file.updateTime,
    ]);
    expect([deleteTime, purgeTime, sha256]).to.deep.equal([undefined, undefined, undefined]);
  });

  it("shows when a deleted file was deleted and goes for good, and a computed SHA-256", () => {
    const file = sampleFile({ deleteTime: new Date(5), purgeTime: new Date(6), sha256: Buffer.alloc(32, 1) });
    const message = toFileMessage(file);
    expect(timestampDate(message.deleteTime!)).to.deep.equal(new Date(5));
    expect(timestampDate(message.purgeTime!)).to.deep.equal(new Date(6));
    expect(message.sha256).to.deep.equal(Buffer.alloc(32, 1));
    expect(toReceiptMessage(file).sha256).to.deep.equal(Buffer.alloc(32, 1));
  });
});

describe("toReceiptMessage", () => {
  it("says what is stored and where", () => {
    const { fileId, crc32, s3Key, s3VersionId } = sampleFile();
    const receipt = toReceiptMessage(sampleFile());
    expect(receipt).to.include({ fileId, generation: 3n, sizeBytes: 43n, crc32, s3Key, s3VersionId });
    expect(receipt.sha256).to.equal(undefined);
  });
});
