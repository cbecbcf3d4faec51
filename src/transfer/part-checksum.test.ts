import { crc32 } from "node:zlib";
import { expect } from "chai";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import { PartChecksum } from "./part-checksum.ts";

describe("PartChecksum", () => {
  const START = 5000;
  const bytes = seededBytes(1000);
  /** Buffers as they are kept until S3 has the part: their borders are not those of chunks. */
  const kept = Array.from({ length: 13 }, (_, i) => bytes.subarray(77 * i, 77 * (i + 1)));
  const spans = [
    { from: 0, to: 120, isTrusted: false },
    { from: 120, to: 450, isTrusted: true },
    { from: 450, to: 451, isTrusted: false },
    { from: 451, to: 700, isTrusted: true },
    { from: 700, to: 1000, isTrusted: true },
  ];
  /** The checksum of a part of these chunks; the CRC32 of those that begin at the offsets of `wrong` is not that of their bytes. */
  const pass = (wrong: readonly number[] = []) => {
    const checksum = new PartChecksum(START);
    for (const { from, to, isTrusted } of spans) {
      const sum = wrong.includes(from) ? 7 : crc32(bytes.subarray(from, to));
      const chunk = { offset: START + from, lengthBytes: to - from, crc32: sum, isTrusted, actual: 0 };
      if (isTrusted) checksum.addTrusted(chunk);
      else checksum.add(bytes.subarray(from, to), chunk);
    }
    return checksum;
  };

  it("is that of all bytes, whoever summed them", () => {
    expect(pass().crc32).to.equal(crc32(bytes));
  });

  it("finds no wrong chunk where all trusted ones match, though others lie between them", () => {
    expect(pass().findWrongChunk(kept)).to.equal(undefined);
  });

  it("names the first trusted chunk that does not match, and what its bytes have", () => {
    for (const { wrong, from, to } of [
      { wrong: [120, 700], from: 120, to: 450 },
      { wrong: [451, 700], from: 451, to: 700 },
      { wrong: [700], from: 700, to: 1000 },
    ]) {
      expect(pass(wrong).findWrongChunk(kept)?.details).to.deep.equal({
        chunk_offset: START + from,
        chunk_bytes: to - from,
        crc32: crc32(bytes.subarray(from, to)).toString(16).padStart(8, "0"),
        expected_crc32: "00000007",
      });
    }
  });
});
