import { expect } from "chai";
import { toLikePattern, toPrefixEnd } from "./sql-values.ts";

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
