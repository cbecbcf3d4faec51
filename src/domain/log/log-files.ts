import { LogProblem } from "./checkpoint.ts";
import type { LogReader } from "./log-store.ts";
import { hashLeaf, isSame, TILE_WIDTH, type Tile, toTileWidth } from "./merkle-tree.ts";
import { decodeBundle, decodeTile, toBundlePath, toTilePath } from "./tile-files.ts";

/** Reads the published files of a log whose tree has `size` leaves. Rejects with LogProblem, which names the entries that cannot be read. */
export class LogFiles {
  readonly #read: LogReader;
  readonly #size: number;

  constructor(read: LogReader, size: number) {
    this.#read = read;
    this.#size = size;
  }

  /** The hashes of a tile; once it is full, its partial form may be gone. */
  async readTile(tile: Tile): Promise<Uint8Array[]> {
    const bytes = await this.#readEither(tile, toTilePath);
    const hashes = decodeTile(bytes, tile.width);
    if (hashes === undefined) throw new LogProblem(`${toTilePath(tile)} is cut off; ${this.#sayEntries(tile)}`);
    return hashes;
  }

  /** The entries of a bundle, each of them compared with its leaf. */
  async readBundle(index: number): Promise<{ entries: readonly Uint8Array[]; leaves: readonly Uint8Array[] }> {
    const bundle = { level: 0, index, width: toTileWidth({ level: 0, index }, this.#size) };
    const [bytes, leaves] = await Promise.all([this.#readEither(bundle, toBundlePath), this.readTile(bundle)]);
    const entries = decodeBundle(bytes).slice(0, bundle.width);
    const nth = leaves.findIndex((leaf, at) => entries[at] === undefined || !isSame(hashLeaf(entries[at]), leaf));
    if (nth < 0) return { entries, leaves };
    const sequence = index * TILE_WIDTH + nth + 1;
    throw new LogProblem(
      entries[nth] === undefined
        ? `entry ${sequence} was removed: ${toBundlePath(bundle)} ends before it`
        : `entry ${sequence} was changed: ${toBundlePath(bundle)} and ${toTilePath(bundle)} differ`,
    );
  }

  async #readEither(tile: Tile, toPath: (tile: Tile) => string): Promise<Uint8Array> {
    const found =
      (await this.#read(toPath(tile))) ??
      (tile.width < TILE_WIDTH ? await this.#read(toPath({ ...tile, width: TILE_WIDTH })) : undefined);
    if (found === undefined) throw new LogProblem(`${toPath(tile)} is missing; ${this.#sayEntries(tile)}`);
    return found.bytes;
  }

  #sayEntries({ level, index, width }: Tile): string {
    const first = index * TILE_WIDTH ** (level + 1) + 1;
    return `the first entry that it is about is ${first}, the last one ${first - 1 + width * TILE_WIDTH ** level}`;
  }
}
