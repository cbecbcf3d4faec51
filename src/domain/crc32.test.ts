import { crc32 as zlibCrc32 } from "node:zlib";
import { expect } from "chai";
import { chooseCrc32, combineCrc32, crc32 } from "./crc32.ts";

describe("crc32", () => {
  const bytes = new Uint8Array(70_000).map((_, index) => (index * 2654435761) >>> 24);

  it("equals zlib's for every length up to 300 at every alignment, and for long ones", () => {
    for (const length of [...Array(300).keys(), 4095, 4096, 16_384, 65_537]) {
      for (let start = 0; start < 16; start++) {
        const piece = bytes.subarray(start, start + length);
        expect(crc32(piece), `${length} bytes from ${start}`).to.equal(zlibCrc32(piece));
      }
    }
  });

  it("goes on from the CRC32 of the bytes before, also from one above 2^31", () => {
    for (const seed of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(crc32(bytes, seed)).to.equal(zlibCrc32(bytes, seed));
    }
  });

  it("takes an empty piece, and Buffers as well as other byte arrays", () => {
    expect(crc32(new Uint8Array(0), 0xdeadbeef)).to.equal(0xdeadbeef);
    expect(crc32(Buffer.from("123456789"))).to.equal(0xcbf43926);
  });

  it("is the native one where the package has a binary, and zlib's where it has none", () => {
    const native = () => 7;
    expect(chooseCrc32(() => ({ crc32: native }))).to.equal(native);
    const fallback = chooseCrc32(() => {
      throw new Error("Failed to load native binding");
    });
    expect(fallback).to.equal(zlibCrc32);
  });
});

describe("combineCrc32", () => {
  it("equals the CRC32 of the joined bytes, for every length up to 300 and around powers of two", () => {
    const bytes = Buffer.alloc(70_000).map((_, index) => (index * 2654435761) >>> 24);
    const lengths = [...Array(300).keys(), 1023, 1024, 1025, 65_535, 65_536];
    for (const length of lengths) {
      const a = bytes.subarray(0, 1000);
      const b = bytes.subarray(1000, 1000 + length);
      const whole = bytes.subarray(0, 1000 + length);
      expect(combineCrc32(crc32(a), crc32(b), length), `length ${length}`).to.equal(crc32(whole));
    }
  });

  it("takes lengths above 32 bits: zeros appended in one step or in many", () => {
    const gib = 2 ** 30;
    const zeros = crc32(Buffer.alloc(2 ** 20));
    let crcOfGib = 0;
    for (let i = 0; i < 1024; i++) crcOfGib = combineCrc32(crcOfGib, zeros, 2 ** 20);
    let many = 0x12345678;
    let crcOfEight = 0;
    for (let i = 0; i < 8; i++) {
      many = combineCrc32(many, crcOfGib, gib);
      crcOfEight = combineCrc32(crcOfEight, crcOfGib, gib);
    }
    expect(combineCrc32(0x12345678, crcOfEight, 8 * gib)).to.equal(many);
  });

  it("stays right when more lengths occur than operators are kept", () => {
    const bytes = Buffer.from("0123456789".repeat(100));
    for (let round = 0; round < 2; round++) {
      for (let cut = 1; cut < 200; cut++) {
        const joined = combineCrc32(crc32(bytes.subarray(0, cut)), crc32(bytes.subarray(cut)), bytes.length - cut);
        expect(joined).to.equal(crc32(bytes));
      }
    }
  });
});
