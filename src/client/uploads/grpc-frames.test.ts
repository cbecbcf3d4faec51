import { fromBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { WriteUploadRequestSchema } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { createFrameReader, encodeChunkHead, encodeFrame } from "./grpc-frames.ts";

describe("encodeChunkHead", () => {
  for (const offset of [0, 127, 128, 2 ** 31, 5 * 2 ** 40 + 3, Number.MAX_SAFE_INTEGER]) {
    it(`is, with the data behind it, the message that protobuf reads, at offset ${offset}`, () => {
      const data = Buffer.from("some bytes");
      const frame = Buffer.concat([encodeChunkHead({ offset, crc32: 0xdeadbeef, sizeBytes: data.length }), data]);
      expect(frame.readUInt32BE(1)).to.equal(frame.length - 5);
      const { message } = fromBinary(WriteUploadRequestSchema, frame.subarray(5));
      if (message.case !== "chunk") throw new Error(`it is a ${message.case}`);
      expect(message.value.offset).to.equal(BigInt(offset));
      expect(message.value.crc32).to.equal(0xdeadbeef);
      expect(Buffer.from(message.value.data).toString()).to.equal("some bytes");
    });
  }

  it("announces lengths that need several bytes", () => {
    const data = Buffer.alloc(2 ** 20, 7);
    const frame = Buffer.concat([encodeChunkHead({ offset: 1, crc32: 1, sizeBytes: data.length }), data]);
    const { message } = fromBinary(WriteUploadRequestSchema, frame.subarray(5));
    expect(message.case === "chunk" && message.value.data.length).to.equal(2 ** 20);
  });
});

describe("createFrameReader", () => {
  const read = (pieces: Uint8Array[]) => {
    const messages: string[] = [];
    const take = createFrameReader((message) => messages.push(Buffer.from(message).toString()));
    for (const piece of pieces) take(piece);
    return messages;
  };

  it("finds messages wherever the buffers are cut", () => {
    const bytes = Buffer.concat([
      encodeFrame(Buffer.from("one")),
      encodeFrame(Buffer.alloc(0)),
      encodeFrame(Buffer.from("three")),
    ]);
    expect(read([bytes])).to.deep.equal(["one", "", "three"]);
    expect(read([...bytes].map((byte) => Buffer.from([byte])))).to.deep.equal(["one", "", "three"]);
  });

  it("refuses compressed messages and those beyond the limit", () => {
    expect(() => read([Buffer.from([1, 0, 0, 0, 0])])).to.throw("flags 1");
    expect(() => read([Buffer.from([0, 0xff, 0xff, 0xff, 0xff])])).to.throw("4294967295 bytes; the limit is 4194304");
  });
});
