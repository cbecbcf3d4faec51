import { createHash } from "node:crypto";
import { expect } from "chai";
import { proveInclusion, toProvenRoot } from "./inclusion.ts";
import { EMPTY_ROOT, hashLeaf, listEdgeTiles, TILE_WIDTH, type Tile, TreeEdge } from "./merkle-tree.ts";

/** RFC 6962, 2.1, as it is written there. */
function naiveRoot(entries: readonly Uint8Array[]): Buffer {
  const sha256 = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  if (entries.length === 0) return sha256();
  if (entries.length === 1) return sha256(Uint8Array.of(0), entries[0] as Uint8Array);
  let left = 1;
  while (left * 2 < entries.length) left *= 2;
  return sha256(Uint8Array.of(1), naiveRoot(entries.slice(0, left)), naiveRoot(entries.slice(left)));
}

const entryOf = (nth: number) => Buffer.from(`entry ${nth}`);

/** A tree of `size` leaves, and all its tiles. */
function grow(size: number): { edge: TreeEdge; read: (tile: Tile) => Promise<readonly Uint8Array[]>; reads: string[] } {
  const edge = new TreeEdge();
  const tiles = new Map<string, readonly Uint8Array[]>();
  const keyOf = ({ level, index, width }: Tile) => `${level}/${index}/${width}`;
  for (let nth = 0; nth < size; nth++)
    for (const { tile, hashes } of edge.append(hashLeaf(entryOf(nth)))) tiles.set(keyOf(tile), hashes);
  for (const { tile, hashes } of edge.tiles) tiles.set(keyOf(tile), hashes);
  const reads: string[] = [];
  const read = async (tile: Tile) => {
    const hashes = tiles.get(keyOf(tile));
    if (hashes === undefined) throw new Error(`there is no tile ${keyOf(tile)}`);
    if (!reads.includes(keyOf(tile))) reads.push(keyOf(tile));
    return hashes;
  };
  return { edge, read, reads };
}

describe("TreeEdge", () => {
  it("has the root of RFC 6962 at every size", () => {
    const edge = new TreeEdge();
    const entries: Buffer[] = [];
    expect(edge.root).to.deep.equal(EMPTY_ROOT);
    for (let nth = 0; nth < 600; nth++) {
      entries.push(entryOf(nth));
      edge.append(hashLeaf(entryOf(nth)));
      if (nth < 70 || nth % 37 === 0 || [255, 256, 511, 512].includes(nth))
        expect(Buffer.from(edge.root).equals(naiveRoot(entries)), `size ${edge.size}`).to.equal(true);
    }
  });

  it("goes on from the tiles of its edge", () => {
    for (const size of [1, 255, 256, 257, 70_000]) {
      const { edge } = grow(size);
      const again = TreeEdge.of(
        size,
        edge.tiles.map(({ hashes }) => hashes),
      );
      expect(again.root).to.deep.equal(edge.root);
      const leaf = hashLeaf(entryOf(size));
      for (const one of [edge, again]) one.append(leaf);
      expect(again.root).to.deep.equal(edge.root);
    }
  });
});

describe("listEdgeTiles", () => {
  it("lists the tiles that C2SP's examples name", () => {
    expect(listEdgeTiles(70_000)).to.deep.equal([
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ]);
    expect(listEdgeTiles(256)).to.deep.equal([{ level: 1, index: 0, width: 1 }]);
    expect(listEdgeTiles(0)).to.deep.equal([]);
  });
});

describe("proveInclusion", () => {
  it("proves every leaf of small trees, and no other place", async () => {
    for (const size of [1, 2, 3, 5, 8, 13, 64, 100]) {
      const { edge, read } = grow(size);
      for (let index = 0; index < size; index++) {
        const proof = await proveInclusion({ index, size }, read);
        const leaf = hashLeaf(entryOf(index));
        expect(toProvenRoot({ index, size, leaf }, proof)).to.deep.equal(edge.root);
        const elsewhere = toProvenRoot({ index: (index + 1) % size, size, leaf }, proof);
        if (size > 1) expect(elsewhere).not.to.deep.equal(edge.root);
      }
      expect(toProvenRoot({ index: size, size, leaf: hashLeaf(entryOf(0)) }, [])).to.equal(undefined);
    }
  });

  it("reads two tiles of each level at most", async () => {
    const size = TILE_WIDTH ** 2 + 2 * TILE_WIDTH + 3;
    const { edge, read, reads } = grow(size);
    for (const index of [0, 1, 255, 256, 65_535, 65_536, size - 4, size - 1]) {
      reads.length = 0;
      const proof = await proveInclusion({ index, size }, read);
      expect(toProvenRoot({ index, size, leaf: hashLeaf(entryOf(index)) }, proof)).to.deep.equal(edge.root);
      expect(reads.length).to.be.at.most(6);
    }
  });
});
