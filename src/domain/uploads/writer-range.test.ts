import { expect } from "chai";
import { intersects, partsWithin, toWriterRange, WHOLE_FILE, type WriterRange } from "./writer-range.ts";

describe("toWriterRange", () => {
  const upload = { sizeBytes: 250, partSizeBytes: 100 };

  it("takes the whole file without a lane, whatever its size", () => {
    expect(toWriterRange({ sizeBytes: undefined, partSizeBytes: 100 }, undefined)).to.equal(WHOLE_FILE);
    expect(toWriterRange({ sizeBytes: 0, partSizeBytes: 100 }, undefined)).to.equal(WHOLE_FILE);
  });

  it("takes lanes that begin where a part begins and end where one ends", () => {
    expect(toWriterRange(upload, { offset: 100, sizeBytes: 100 })).to.deep.equal({ start: 100, end: 200 });
    expect(toWriterRange(upload, { offset: 200, sizeBytes: 50 })).to.deep.equal({ start: 200, end: 250 });
    expect(toWriterRange(upload, { offset: 0, sizeBytes: 250 })).to.deep.equal({ start: 0, end: 250 });
  });

  const refusals: [string, { offset: number; sizeBytes: number }, string, string][] = [
    ["has no byte", { offset: 0, sizeBytes: 0 }, "start.lane.size_bytes", "has 0 bytes; give 1 or more"],
    [
      "begins inside a part",
      { offset: 50, sizeBytes: 50 },
      "start.lane.offset",
      "begin at a multiple of the part size, 100",
    ],
    ["begins before the file", { offset: -100, sizeBytes: 100 }, "start.lane.offset", "begins at byte -100"],
    [
      "ends inside a part",
      { offset: 0, sizeBytes: 150 },
      "start.lane.size_bytes",
      "end at a multiple of the part size, 100, or at 250",
    ],
    [
      "ends behind the file",
      { offset: 200, sizeBytes: 100 },
      "start.lane.size_bytes",
      "ends at byte 300; the upload declared 250 bytes",
    ],
  ];
  for (const [what, lane, field, says] of refusals) {
    it(`refuses a lane that ${what}`, () => {
      expect(() => toWriterRange(upload, lane))
        .to.throw(says)
        .that.includes({ code: "invalid_argument", reason: "RANGE_INVALID", field });
    });
  }

  it("refuses a lane of an upload whose size is not declared", () => {
    expect(() => toWriterRange({ sizeBytes: undefined, partSizeBytes: 100 }, { offset: 0, sizeBytes: 100 }))
      .to.throw("the upload has no declared size")
      .that.includes({ reason: "RANGE_INVALID", field: "start.lane" });
  });
});

describe("intersects", () => {
  it("is true for ranges that share a byte, in either order", () => {
    const range = (start: number, end?: number): WriterRange => ({ start, end });
    const cases: [WriterRange, WriterRange, boolean][] = [
      [range(0, 100), range(100, 200), false],
      [range(0, 101), range(100, 200), true],
      [range(0), range(500, 600), true],
      [range(600), range(500, 600), false],
      [range(0), range(0), true],
    ];
    for (const [one, other, expected] of cases) {
      expect(intersects(one, other)).to.equal(expected);
      expect(intersects(other, one)).to.equal(expected);
    }
  });
});

describe("partsWithin", () => {
  it("keeps the parts of a range, the short last one included", () => {
    const parts = [1, 2, 3, 4].map((partNumber) => ({ partNumber }));
    const numbers = (range: WriterRange) => partsWithin(parts, range, 100).map(({ partNumber }) => partNumber);
    expect(numbers(WHOLE_FILE)).to.deep.equal([1, 2, 3, 4]);
    expect(numbers({ start: 100, end: 300 })).to.deep.equal([2, 3]);
    expect(numbers({ start: 300, end: 310 })).to.deep.equal([4]);
  });
});
