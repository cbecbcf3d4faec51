import { hashNode, hashSubtrees, TILE_WIDTH, type Tile, toLeftSize, toTileWidth } from "./merkle-tree.ts";

/** The hashes of a tile. */
export type ReadTile = (tile: Tile) => Promise<readonly Uint8Array[]>;

/**
 * The proof that leaf `index` lies in the tree of `size` leaves (RFC 6962, 2.1.1), from its tiles: at most two of each level, each
 * asked for once when `readTile` keeps what it has read. Rejects as `readTile` does.
 */
export async function proveInclusion(
  { index, size }: { index: number; size: number },
  readTile: ReadTile,
): Promise<Uint8Array[]> {
  const proof: Uint8Array[] = [];
  let [begin, end] = [0, size];
  while (end - begin > 1) {
    const middle = begin + toLeftSize(end - begin);
    const isLeft = index < middle;
    proof.unshift(await hashRange(isLeft ? [middle, end] : [begin, middle], { size, readTile }));
    if (isLeft) end = middle;
    else begin = middle;
  }
  return proof;
}

/** The hash over the leaves of a range that is a node of the tree, or its right edge. */
async function hashRange(
  [begin, end]: readonly [number, number],
  { size, readTile }: { size: number; readTile: ReadTile },
): Promise<Uint8Array> {
  const leaves = end - begin;
  const left = toLeftSize(leaves);
  // Only at the right edge is a range no whole subtree.
  if (leaves > 1 && leaves !== 2 * left) {
    const options = { size, readTile };
    return hashNode(await hashRange([begin, begin + left], options), await hashRange([begin + left, end], options));
  }
  let level = 0;
  while (TILE_WIDTH ** (level + 1) <= leaves) level++;
  const first = begin / TILE_WIDTH ** level;
  const index = Math.floor(first / TILE_WIDTH);
  const hashes = await readTile({ level, index, width: toTileWidth({ level, index }, size) });
  const at = first - index * TILE_WIDTH;
  return hashSubtrees(hashes.slice(at, at + leaves / TILE_WIDTH ** level));
}

/** The root that follows from a leaf and its proof (RFC 9162, 2.1.3.2); undefined when the proof has another length than it must. */
export function toProvenRoot(
  { index, size, leaf }: { index: number; size: number; leaf: Uint8Array },
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  let [node, last, root] = [index, size - 1, leaf];
  if (index >= size) return undefined;
  for (const hash of proof) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      root = hashNode(hash, root);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else root = hashNode(root, hash);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 ? root : undefined;
}
