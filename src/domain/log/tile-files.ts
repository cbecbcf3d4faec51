import { HASH_BYTES, TILE_WIDTH, type Tile } from "./merkle-tree.ts";

/** Path of a tile below the log's own, by C2SP tlog-tiles: https://c2sp.org/tlog-tiles#merkle-tree */
export function toTilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${toIndexPath(index)}${toPartial(width)}`;
}

/** Path of a bundle of entries, which has the index and the width of the tile of their leaves. */
export function toBundlePath({ index, width }: Pick<Tile, "index" | "width">): string {
  return `tile/entries/${toIndexPath(index)}${toPartial(width)}`;
}

function toIndexPath(index: number): string {
  let path = String(index % 1000).padStart(3, "0");
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  }
  return path;
}

function toPartial(width: number): string {
  return width === TILE_WIDTH ? "" : `.p/${width}`;
}

/** The bytes of a tile. */
export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(hashes);
}

/** The first `width` hashes of a tile; undefined when the bytes are no tile, or one of fewer. */
export function decodeTile(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  if (bytes.length % HASH_BYTES !== 0 || bytes.length < width * HASH_BYTES) return undefined;
  return Array.from({ length: width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** The bytes of a bundle: each entry behind its length in two bytes, the higher one first. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(entries.flatMap((entry) => [Uint8Array.of(entry.length >> 8, entry.length & 255), entry]));
}

/** The whole entries that a bundle begins with; what is behind the last one that is whole is left out. */
export function decodeBundle(bytes: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const begin = at + 2;
    at = begin + ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0);
    if (at <= bytes.length) entries.push(bytes.subarray(begin, at));
  }
  return entries;
}
