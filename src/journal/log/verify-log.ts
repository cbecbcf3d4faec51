import { type Checkpoint, LogProblem, openCheckpoint } from "../../domain/log/checkpoint.ts";
import { LogFiles } from "../../domain/log/log-files.ts";
import type { LogReader } from "../../domain/log/log-store.ts";
import { isSame, TILE_WIDTH, type Tile, TreeEdge } from "../../domain/log/merkle-tree.ts";
import type { NoteVerifier } from "../../domain/log/signed-note.ts";
import { type ExportCounts, type ExportOptions, ExportVerifier } from "./verify-export.ts";

/** Bundles and tiles that are read ahead: storage may be far away. */
const AHEAD = 16;

/** What a log is verified by. */
export interface VerifyOptions {
  read: LogReader;
  origin: string;
  verifiers: readonly NoteVerifier[];
  /** A checkpoint of this log that was kept from before, signed: the log must have grown from it. */
  kept?: Uint8Array | undefined;
  /** An export, whose contents are compared. */
  exported?: ExportOptions | undefined;
}

/**
 * Reads a whole log and computes its tree anew, in memory that does not grow with it. Resolves to what it has found when all is well.
 * Rejects with LogProblem, which names the first entry that was changed, removed, added or moved.
 */
export async function verifyLog(options: VerifyOptions): Promise<{ checkpoint: Checkpoint; counts: ExportCounts }> {
  const { read, exported } = options;
  const note = await read("checkpoint");
  if (note === undefined) throw new LogProblem("there is no checkpoint: this is no log, or it has no entry yet");
  const checkpoint = openCheckpoint(note.bytes, options);
  const kept = options.kept && openCheckpoint(options.kept, { ...options, what: "the checkpoint from before" });
  const { size } = checkpoint;
  if (kept !== undefined && kept.size > size)
    throw new LogProblem(`entry ${size + 1} was removed: the log had ${kept.size} entries before, and has ${size}`);
  const files = new LogFiles(read, size);
  const lines = new ExportVerifier(exported ?? NO_EXPORT, { files, size });
  const edge = new TreeEdge();
  const check = async ({ tile, hashes }: { tile: Tile; hashes: readonly Uint8Array[] }) => {
    if (tile.level > 0) compareTile(tile, { computed: hashes, published: await files.readTile(tile) });
  };
  for await (const { index, entries, leaves } of readAhead(files, size)) {
    await lines.verifyBundle(index, entries);
    for (const leaf of leaves) {
      for (const full of edge.append(leaf)) await check(full);
      if (edge.size === kept?.size && !isSame(edge.root, kept.root))
        throw new LogProblem(`one of the first ${kept.size} entries was changed since the checkpoint from before`);
    }
  }
  for (const partial of edge.tiles) await check(partial);
  await lines.end();
  if (!isSame(edge.root, checkpoint.root))
    throw new LogProblem(
      `one of the ${size} entries was changed since the checkpoint was signed; an export tells which one`,
    );
  return { checkpoint, counts: lines.counts };
}

const NO_EXPORT: ExportOptions = { lines: (async function* () {})(), isWhole: false, after: 0 };

/** The bundles of a log with their leaves, in their order. */
async function* readAhead(
  files: LogFiles,
  size: number,
): AsyncGenerator<{ index: number } & Awaited<ReturnType<LogFiles["readBundle"]>>> {
  const count = Math.ceil(size / TILE_WIDTH);
  const reading: ReturnType<LogFiles["readBundle"]>[] = [];
  for (let index = 0; index < count; index++) {
    while (reading.length < AHEAD && index + reading.length < count) {
      const next = files.readBundle(index + reading.length);
      // It is awaited in its turn: until then nobody has to hear that it failed.
      next.catch(() => {});
      reading.push(next);
    }
    yield { index, ...(await (reading.shift() as (typeof reading)[number])) };
  }
}

function compareTile(
  { level, index }: Tile,
  { computed, published }: { computed: readonly Uint8Array[]; published: readonly Uint8Array[] },
): void {
  const nth = computed.findIndex((hash, at) => !isSame(hash, published[at] as Uint8Array));
  if (nth < 0) return;
  const each = TILE_WIDTH ** level;
  const first = (index * TILE_WIDTH + nth) * each + 1;
  throw new LogProblem(
    `one of the entries from ${first} to ${first + each - 1} was changed: a tile of level ${level} is of others`,
  );
}
