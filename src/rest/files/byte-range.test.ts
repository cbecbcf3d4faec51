import { expect } from "chai";
import { chooseRange } from "./byte-range.ts";

describe("chooseRange", () => {
  const part = (offset: number, sizeBytes: number) => ({ kind: "part", offset, sizeBytes });

  it("reads first and last byte, a first byte alone, and a suffix", () => {
    expect(chooseRange("bytes=0-0", 10)).to.deep.equal(part(0, 1));
    expect(chooseRange("bytes=2-5", 10)).to.deep.equal(part(2, 4));
    expect(chooseRange("bytes=9-", 10)).to.deep.equal(part(9, 1));
    expect(chooseRange("bytes=-3", 10)).to.deep.equal(part(7, 3));
    expect(chooseRange("Bytes = 2 - 5", 10)).to.deep.equal(part(2, 4));
  });

  it("ends at the last byte", () => {
    expect(chooseRange("bytes=5-100", 10)).to.deep.equal(part(5, 5));
    expect(chooseRange(`bytes=5-${"9".repeat(400)}`, 10)).to.deep.equal(part(5, 5));
    expect(chooseRange("bytes=-100", 10)).to.deep.equal(part(0, 10));
  });

  it("cannot be satisfied behind the end, or of nothing", () => {
    for (const header of ["bytes=10-", "bytes=10-20", `bytes=${"9".repeat(400)}-`, "bytes=-0"]) {
      expect(chooseRange(header, 10), header).to.deep.equal({ kind: "unsatisfiable" });
    }
    for (const header of ["bytes=0-", "bytes=-1"]) {
      expect(chooseRange(header, 0), header).to.deep.equal({ kind: "unsatisfiable" });
    }
  });

  it("passes over what is none, or several", () => {
    for (const header of [
      "bytes=-",
      "bytes=5-2",
      "bytes=0-1,3-4",
      "items=0-1",
      "bytes=a-b",
      "bytes=1.5-2",
      "",
      undefined,
    ]) {
      expect(chooseRange(header, 10), String(header)).to.deep.equal({ kind: "whole" });
    }
  });
});
