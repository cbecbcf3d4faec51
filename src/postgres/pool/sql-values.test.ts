import { expect } from "chai";
import { toLikePattern, toPrefixEnd, toTimestamp } from "./sql-values.ts";

describe("toPrefixEnd", () => {
  it("raises the last character that can be raised", () => {
    expect(toPrefixEnd("a/")).to.equal("a0");
    expect(toPrefixEnd("a\u{10ffff}")).to.equal("b");
    expect(toPrefixEnd("\ud7ff")).to.equal("\ue000");
    expect(toPrefixEnd("\uffff")).to.equal("\u{10000}");
  });

  it("knows no end of what nothing can follow", () => {
    expect(toPrefixEnd("")).to.equal(undefined);
    expect(toPrefixEnd("\u{10ffff}\u{10ffff}")).to.equal(undefined);
  });
});

describe("toLikePattern", () => {
  it("lets nothing but the joints stand for other text", () => {
    expect(toLikePattern(["100%_", "\\", ""])).to.equal("100\\%\\_%\\\\%");
  });
});

describe("toTimestamp", () => {
  it("keeps microseconds, before 1970 as well, in the years that have four digits", () => {
    for (const [microseconds, text] of [
      [1_769_904_000_000_001, "2026-02-01T00:00:00.000001Z"],
      [-1, "1969-12-31T23:59:59.999999Z"],
      [Number.MIN_SAFE_INTEGER, "1684-07-28T00:12:25.259009Z"],
      [Number.MAX_SAFE_INTEGER, "2255-06-05T23:47:34.740991Z"],
      [Date.parse("0001-01-01T00:00:00Z") * 1000, "0001-01-01T00:00:00.000000Z"],
      [Date.parse("0000-12-31T23:59:59.999Z") * 1000, "-infinity"],
      [Date.parse("9999-12-31T23:59:59Z") * 1000, "9999-12-31T23:59:59.000000Z"],
      [Date.UTC(10_000, 0, 1) * 1000, "infinity"],
    ] as const)
      expect(toTimestamp(microseconds).values).to.deep.equal([text]);
  });
});
