import { expect } from "chai";
import { parseOptions } from "./options.ts";

describe("parseOptions", () => {
  it("measures three rounds of 1 GiB unless told otherwise", () => {
    expect(parseOptions([])).to.include({ sizeBytes: 1024 ** 3, rounds: 3, chunkBytes: 1024 ** 2, json: false });
  });

  it("takes fractions of a GiB, in whole MiB", () => {
    expect(parseOptions(["--gib", "0.25"])).to.include({ sizeBytes: 256 * 1024 ** 2 });
  });

  it("names the bound that a number breaks", () => {
    expect(() => parseOptions(["--chunk-kib", "4096"])).to.throw('--chunk-kib is "4096"; a number from 1 to 2048');
    expect(() => parseOptions(["--rounds", "many"])).to.throw('--rounds is "many"');
  });

  it("refuses what it does not know", () => {
    expect(() => parseOptions(["--fast"])).to.throw("--fast");
  });
});
