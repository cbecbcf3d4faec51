import { expect } from "chai";
import { decodeBundle, decodeTile, encodeBundle, encodeTile, toBundlePath, toTilePath } from "./tile-files.ts";

describe("toTilePath", () => {
  it("groups the digits of the index as C2SP's example does, and names the width of a partial tile", () => {
    expect(toTilePath({ level: 0, index: 1_234_067, width: 256 })).to.equal("tile/0/x001/x234/067");
    expect(toTilePath({ level: 2, index: 0, width: 256 })).to.equal("tile/2/000");
    expect(toTilePath({ level: 0, index: 273, width: 112 })).to.equal("tile/0/273.p/112");
    expect(toTilePath({ level: 1, index: 1000, width: 1 })).to.equal("tile/1/x001/000.p/1");
    expect(toBundlePath({ index: 1_000_000, width: 255 })).to.equal("tile/entries/x001/x000/000.p/255");
  });
});

describe("bundles and tiles", () => {
  it("are read as they were written", () => {
    const entries = [Buffer.alloc(32, 1), Buffer.alloc(300, 2), Buffer.alloc(0)];
    expect(decodeBundle(encodeBundle(entries)).map((entry) => Buffer.from(entry))).to.deep.equal(entries);
    const hashes = [Buffer.alloc(32, 3), Buffer.alloc(32, 4)];
    expect(decodeTile(encodeTile(hashes), 2)?.map((hash) => Buffer.from(hash))).to.deep.equal(hashes);
    expect(decodeTile(encodeTile(hashes), 1)).to.have.length(1);
  });

  it("are no more than what is whole", () => {
    const bundle = encodeBundle([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]);
    for (const cut of [1, 31, 33]) expect(decodeBundle(bundle.subarray(0, bundle.length - cut))).to.have.length(1);
    expect(decodeBundle(bundle.subarray(0, 1))).to.have.length(0);
    expect(decodeTile(Buffer.alloc(33), 1)).to.equal(undefined);
    expect(decodeTile(Buffer.alloc(32), 2)).to.equal(undefined);
  });
});
