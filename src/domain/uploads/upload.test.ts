import { expect } from "chai";
import { type DurablePart, durablePrefix, toDurableRanges, totalBytes } from "./upload.ts";

const part = (partNumber: number, lengthBytes = 10): DurablePart => ({ partNumber, lengthBytes, crc32: 0, etag: "e" });

describe("toDurableRanges", () => {
  const ranges = (...parts: DurablePart[]) => toDurableRanges({ partSizeBytes: 10 }, parts);

  it("joins neighbours, and keeps gaps", () => {
    expect(ranges()).to.deep.equal([]);
    expect(ranges(part(1))).to.deep.equal([{ offset: 0, sizeBytes: 10 }]);
    expect(ranges(part(1), part(2), part(4), part(5), part(9, 3))).to.deep.equal([
      { offset: 0, sizeBytes: 20 },
      { offset: 30, sizeBytes: 20 },
      { offset: 80, sizeBytes: 3 },
    ]);
  });

  it("joins the short last part to those before", () => {
    expect(ranges(part(2), part(3, 1))).to.deep.equal([{ offset: 10, sizeBytes: 11 }]);
  });

  it("tells 10,000 parts in one", () => {
    const parts = Array.from({ length: 10_000 }, (_, index) => part(index + 1));
    expect(ranges(...parts)).to.deep.equal([{ offset: 0, sizeBytes: 100_000 }]);
  });
});

describe("durablePrefix", () => {
  it("ends before the first gap", () => {
    expect(durablePrefix([part(1), part(2), part(4)])).to.deep.equal([part(1), part(2)]);
    expect(durablePrefix([part(2), part(3)])).to.deep.equal([]);
    expect(durablePrefix([])).to.deep.equal([]);
  });
});

describe("totalBytes", () => {
  it("adds the parts' lengths up", () => {
    expect(totalBytes([])).to.equal(0);
    expect(totalBytes([part(1), part(3, 5 * 2 ** 30)])).to.equal(5 * 2 ** 30 + 10);
  });
});
