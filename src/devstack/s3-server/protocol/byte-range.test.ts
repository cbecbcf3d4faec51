import { expect } from "chai";
import { parseByteRange } from "./byte-range.ts";

describe("parseByteRange", () => {
  const cases: [string | undefined, { offset: number; length: number } | undefined][] = [
    ["bytes=0-0", { offset: 0, length: 1 }],
    ["bytes=0-9", { offset: 0, length: 10 }],
    ["bytes=9-9", { offset: 9, length: 1 }],
    ["bytes=4-", { offset: 4, length: 6 }],
    ["bytes=-3", { offset: 7, length: 3 }],
    ["bytes=-30", { offset: 0, length: 10 }],
    ["bytes=8-100", { offset: 8, length: 2 }],
    [undefined, undefined],
    ["bytes=-", undefined],
    ["bytes=5-2", undefined],
    ["bytes=0-1,3-4", undefined],
    ["lines=0-1", undefined],
  ];
  for (const [header, expected] of cases) {
    it(`reads ${header} of ten bytes`, () => {
      expect(parseByteRange(header, 10)).to.deep.equal(expected);
    });
  }

  for (const [header, size] of [
    ["bytes=10-", 10],
    ["bytes=10-11", 10],
    ["bytes=-0", 10],
    ["bytes=0-0", 0],
    ["bytes=-1", 0],
  ] as const) {
    it(`refuses ${header} of ${size} bytes`, () => {
      expect(() => parseByteRange(header, size))
        .to.throw()
        .with.property("code", "InvalidRange");
    });
  }
});
