import { expect } from "chai";
import { parseOptions } from "./upload-options.ts";

describe("parseOptions", () => {
  it("measures three rounds of 1 GiB unless told otherwise", () => {
    expect(parseOptions([], ["floor", "sluice"])).to.include({
      sizeBytes: 1024 ** 3,
      rounds: 3,
      chunkBytes: 1024 ** 2,
      json: false,
    });
  });

  it("takes fractions of a GiB, in whole MiB", () => {
    expect(parseOptions(["--gib", "0.25"], ["floor", "sluice"])).to.include({ sizeBytes: 256 * 1024 ** 2 });
  });

  it("names the bound that a number breaks", () => {
    expect(() => parseOptions(["--chunk-kib", "4096"], ["floor", "sluice"])).to.throw(
      '--chunk-kib is "4096"; a number from 1 to 2048',
    );
    expect(() => parseOptions(["--rounds", "many"], ["floor", "sluice"])).to.throw('--rounds is "many"');
  });

  it("runs the contenders that are named", () => {
    expect(parseOptions(["--only", "sluice"], ["floor", "sluice"])).to.deep.include({ only: ["sluice"] });
  });

  it("takes more rounds of fewer contenders to compare two checkouts, and no peak memory", () => {
    expect(parseOptions(["--against", "../before"], ["sluice"])).to.include({ against: "../before", rounds: 7 });
    expect(() => parseOptions(["--against", "../before", "--rounds", "0"], [])).to.throw("a number from 1 to 100");
    expect(() => parseOptions(["--against", "../before", "--rss"], [])).to.throw("leave it out with --against");
  });

  it("refuses what it does not know", () => {
    expect(() => parseOptions(["--only", "floor,ceiling"], ["floor", "sluice"])).to.throw(
      '--only names "ceiling"; there are floor, sluice',
    );
    expect(() => parseOptions(["--fast"], ["floor", "sluice"])).to.throw("--fast");
  });
});
