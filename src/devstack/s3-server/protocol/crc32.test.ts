import { crc32 } from "node:zlib";
import { expect } from "chai";
import { combineCrc32, compositeCrc32, decodeCrc32, encodeCrc32 } from "./crc32.ts";

describe("combineCrc32", () => {
  it("equals the CRC32 of the joined bytes, for any split", () => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 73) % 251));
    for (const split of [0, 1, 2, 255, 256, 999, 1000]) {
      const [head, tail] = [bytes.subarray(0, split), bytes.subarray(split)];
      expect(combineCrc32(crc32(head), crc32(tail), tail.length), `split at ${split}`).to.equal(crc32(bytes));
    }
  });

  it("is associative for lengths above 4 GiB", () => {
    const long = 5 * 1024 ** 3 + 7;
    const left = combineCrc32(combineCrc32(0x12345678, 0x9abcdef0, long), 0x0badcafe, 11);
    const right = combineCrc32(0x12345678, combineCrc32(0x9abcdef0, 0x0badcafe, 11), long + 11);
    expect(left).to.equal(right);
  });
});

describe("the wire form of a CRC32", () => {
  it("is base64 of four bytes, big endian", () => {
    expect(encodeCrc32(crc32("hello"))).to.equal("NhCmhg==");
    expect(decodeCrc32("NhCmhg==", "x")).to.equal(crc32("hello"));
  });

  for (const text of ["", "AAAA", "NhCmhgA=", "not base64", "NhCmhg"]) {
    it(`is refused when it reads ${JSON.stringify(text)}`, () => {
      expect(() => decodeCrc32(text, "x-amz-checksum-crc32")).to.throw("x-amz-checksum-crc32");
    });
  }

  it("of a composite checksum is the CRC32 of the parts' CRC32s and their number", () => {
    const joined = Buffer.from([0, 0, 0, 1, 0, 0, 0, 2]);
    expect(compositeCrc32([1, 2])).to.equal(`${encodeCrc32(crc32(joined))}-2`);
  });
});
