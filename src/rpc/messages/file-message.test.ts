import { timestampDate } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { FileSchema } from "../../../gen/sluice/v1/file_pb.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import { sampleFile } from "../../testing/samples/sample-records.ts";
import { toFileMessage, toReceiptMessage } from "./file-message.ts";

describe("toFileMessage", () => {
  it("shows every field of a live file", () => {
    const file = sampleFile({ sizeBytes: Number.MAX_SAFE_INTEGER, crc32: 0xffffffff });
    const message = toFileMessage(file);
    const { generation, sizeBytes, metageneration, sha256, etag, $typeName, ...others } = message;
    const { createTime, updateTime, supersedeTime, deleteTime, purgeTime, purged, legalHoldInStorage, ...same } =
      others;
    const expected = { ...file } as Record<string, unknown>;
    for (const name of Object.keys(file).filter((name) => !(name in same))) delete expected[name];
    expect(same).to.deep.equal(expected);
    expect(etag).to.equal(`${file.fileId}.1`);
    expect([generation, metageneration, sizeBytes]).to.deep.equal([3n, 1n, 9007199254740991n]);
    expect([createTime, updateTime].map((time) => timestampDate(time!))).to.deep.equal([
      file.createTime,
      file.updateTime,
    ]);
    expect([purged, legalHoldInStorage]).to.deep.equal([false, false]);
    expect([supersedeTime, deleteTime, purgeTime, sha256]).to.deep.equal(Array(4).fill(undefined));
  });

  it("shows what keeps a file, and whether it is purged", () => {
    const message = toFileMessage(sampleFile({ legalHold: true, retainUntilTime: new Date(7), purgeState: "purging" }));
    expect(message).to.include({ legalHold: true, legalHoldInStorage: false, purged: false });
    const told = sampleFile({ legalHold: true, holdSettled: true });
    expect(toFileMessage(told)).to.include({ legalHoldInStorage: true });
    expect(toFileMessage({ ...told, legalHold: false })).to.include({ legalHoldInStorage: false });
    expect(timestampDate(message.retainUntilTime!)).to.deep.equal(new Date(7));
    const purged = sampleFile({ purgeState: "purged", crc32: 0 });
    expect(toFileMessage(purged)).to.include({ purged: true }).and.not.have.property("crc32");
    expect(toReceiptMessage(purged).crc32).to.equal(undefined);
    expect(toFileMessage(sampleFile({ sizeBytes: 0, crc32: 0 })).crc32, "of no bytes").to.equal(0);
  });

  it("shows when a deleted file was deleted and goes for good, and a computed SHA-256", () => {
    const times = { supersedeTime: new Date(4), deleteTime: new Date(5), purgeTime: new Date(6) };
    const file = sampleFile({ ...times, sha256: Buffer.alloc(32, 1) });
    const message = toFileMessage(file);
    expect(timestampDate(message.supersedeTime!)).to.deep.equal(new Date(4));
    expect(timestampDate(message.deleteTime!)).to.deep.equal(new Date(5));
    expect(timestampDate(message.purgeTime!)).to.deep.equal(new Date(6));
    expect(message.sha256).to.deep.equal(Buffer.alloc(32, 1));
    expect(toReceiptMessage(file).sha256).to.deep.equal(Buffer.alloc(32, 1));
  });
});

describe("the fields of a file", () => {
  for (const { name } of FileSchema.fields) {
    it(`can be filtered by: ${name}`, () => expect(parseFileFilter(`${name}:*`)).to.include({ kind: "present" }));
  }
});

describe("toReceiptMessage", () => {
  it("says what is stored and where", () => {
    const { fileId, crc32, s3Key, s3VersionId } = sampleFile();
    const receipt = toReceiptMessage(sampleFile());
    expect(receipt).to.include({ fileId, generation: 3n, sizeBytes: 43n, crc32, s3Key, s3VersionId });
    expect(receipt.sha256).to.equal(undefined);
  });
});
