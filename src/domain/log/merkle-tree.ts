import { createHash } from "node:crypto";

/*
 * The Merkle tree of a log, by RFC 6962, 2.1 (https://www.rfc-editor.org/rfc/rfc6962#section-2.1), cut into tiles as C2SP tlog-tiles
 * has it (https://c2sp.org/tlog-tiles): a tile of level l holds up to 256 hashes, each of a subtree of 256^l leaves.
 */

/** Hashes of a full tile, and entries of a full bundle. */
export const TILE_WIDTH = 256;

/** Bytes of a hash, and of an entry of this log. */
export const HASH_BYTES = 32;

/** The root of a tree without leaves. */
export const EMPTY_ROOT: Uint8Array = createHash("sha256").digest();

/** Hashes of one tile: all of them when `width` is TILE_WIDTH, else the first ones. */
export interface Tile {
  level: number;
  index: number;
  /** From 1 to TILE_WIDTH. */
  width: number;
}

/** The leaf of an entry. */
export function hashLeaf(entry: Uint8Array): Uint8Array {
  return createHash("sha256").update(LEAF_PREFIX).update(entry).digest();
}

/** The node above two others. */
export function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash("sha256").update(NODE_PREFIX).update(left).update(right).digest();
}

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** Whether two hashes, or files of them, are the same bytes. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** The root above hashes of subtrees that have the same number of leaves, a power of two; the last may have fewer. At least one. */
export function hashSubtrees(hashes: readonly Uint8Array[]): Uint8Array {
  const [first, second] = hashes;
  if (first === undefined) throw new RangeError("a tree without subtrees has no hash of its own");
  if (second === undefined) return first;
  const left = toLeftSize(hashes.length);
  return hashNode(hashSubtrees(hashes.slice(0, left)), hashSubtrees(hashes.slice(left)));
}

/** The leaves of the left subtree: the largest power of two below `size`, which is 2 at least. */
export function toLeftSize(size: number): number {
  let left = 1;
  while (left * 2 < size) left *= 2;
  return left;
}

/** How many hashes of a tile are there in a tree of `size` leaves; 0 when the tile is not. */
export function toTileWidth({ level, index }: Pick<Tile, "level" | "index">, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH;
  return Math.max(0, Math.min(TILE_WIDTH, hashes));
}

/** The tiles of a tree that are not full, from the leaves upwards. */
export function listEdgeTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    const width = toTileWidth({ level, index }, size);
    if (width > 0) tiles.push({ level, index, width });
  }
  return tiles;
}

/** The right edge of a tree, which is all that is needed to make it grow. */
export class TreeEdge {
  #size = 0;
  /** The hashes of the tile of each level that is not full. */
  readonly #levels: Uint8Array[][] = [];

  /** The edge of a tree of `size` leaves, of the hashes of its `listEdgeTiles`, in that order. */
  static of(size: number, hashes: readonly (readonly Uint8Array[])[]): TreeEdge {
    const edge = new TreeEdge();
    edge.#size = size;
    for (const [nth, { level }] of listEdgeTiles(size).entries()) edge.#at(level).push(...(hashes[nth] ?? []));
    return edge;
  }

  get size(): number {
    return this.#size;
  }

  /** The hash of the whole tree. */
  get root(): Uint8Array {
    let right: Uint8Array | undefined;
    for (const hashes of this.#levels) {
      const all = right === undefined ? hashes : [...hashes, right];
      if (all.length > 0) right = hashSubtrees(all);
    }
    return right ?? EMPTY_ROOT;
  }

  /** The tiles that are not full, with their hashes. */
  get tiles(): { tile: Tile; hashes: readonly Uint8Array[] }[] {
    return listEdgeTiles(this.#size).map((tile) => ({ tile, hashes: [...this.#at(tile.level)] }));
  }

  copy(): TreeEdge {
    const edge = new TreeEdge();
    edge.#size = this.#size;
    edge.#levels.push(...this.#levels.map((hashes) => [...hashes]));
    return edge;
  }

  /** Adds a leaf; returns the tiles that have become full by it, from the leaves upwards. */
  append(leaf: Uint8Array): { tile: Tile; hashes: readonly Uint8Array[] }[] {
    const full: { tile: Tile; hashes: readonly Uint8Array[] }[] = [];
    this.#size++;
    let hash = leaf;
    for (let level = 0; ; level++) {
      const hashes = this.#at(level);
      hashes.push(hash);
      if (hashes.length < TILE_WIDTH) return full;
      const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1)) - 1;
      full.push({ tile: { level, index, width: TILE_WIDTH }, hashes });
      this.#levels[level] = [];
      hash = hashSubtrees(hashes);
    }
  }

  #at(level: number): Uint8Array[] {
    while (this.#levels.length <= level) this.#levels.push([]);
    return this.#levels[level] as Uint8Array[];
  }
}
