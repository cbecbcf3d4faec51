import { type Checkpoint, formatCheckpoint, LogProblem, openCheckpoint } from "../../domain/log/checkpoint.ts";
import { toForkFolder, toForkOrigin } from "../../domain/log/fork.ts";
import { LogFiles } from "../../domain/log/log-files.ts";
import type { LogLeaves, LogState } from "../../domain/log/log-leaves.ts";
import type { LogStore } from "../../domain/log/log-store.ts";
import { hashLeaf, isSame, listEdgeTiles, TILE_WIDTH, type Tile, TreeEdge } from "../../domain/log/merkle-tree.ts";
import { type NoteSigner, parseNoteVerifier, signNote } from "../../domain/log/signed-note.ts";
import { encodeBundle, encodeTile, toBundlePath, toTilePath } from "../../domain/log/tile-files.ts";
import { findFork, readEntries, toEarlyEnd, toOtherClaim } from "./find-fork.ts";

/*
 * Publishing, in an order that nobody can disturb:
 * 1. Leaves are made of what has got a number, once.
 * 2. `claim` is replaced by the next checkpoint, on the condition that nobody else has replaced it. A publisher of another database
 *    fails here, before it has written anything, and one of the same database writes the same bytes.
 * 3. Bundles and tiles are created. What is there already must be the same.
 * 4. `checkpoint` is replaced on the same condition. Readers see tiles only from now on, and all of them are there.
 * A publisher that dies between two steps leaves nothing that the next one could not have written.
 */

/** How much is done at once. */
export interface PublishLimits {
  /** Leaves that one statement makes. */
  sealMax: number;
  /** Entries that one checkpoint adds: they and their tiles are in memory, some 10 MiB. */
  entriesMax: number;
  /** Requests that write tiles at the same time. */
  writesMax: number;
}

/** At one checkpoint in five seconds this is 13,000 entries a second. */
export const PUBLISH_LIMITS: PublishLimits = { sealMax: 10_000, entriesMax: 65_536, writesMax: 16 };

/** What a publisher works with. */
export interface PublisherDeps {
  leaves: LogLeaves;
  store: LogStore;
  /** One or two keys of the same name, which is the log's origin. */
  signers: readonly NoteSigner[];
  now: () => Date;
}

/** What is published, as this publisher knows it. */
interface Published {
  readonly fork: number;
  readonly edge: TreeEdge;
  /** The entries of the bundle that is not full. */
  readonly tail: readonly Uint8Array[];
  /** The last entry; undefined before the first. */
  readonly last: Uint8Array | undefined;
  /** ETags of the objects; undefined while there are none. */
  readonly checkpoint: string | undefined;
  readonly claim: (Checkpoint & { etag: string }) | undefined;
}

interface NewFile {
  tile: Tile;
  path: string;
  bytes: Uint8Array;
}

/** Publishes the log of the database's journal. Any number of them may run at once. */
export class LogPublisher {
  readonly #deps: PublisherDeps;
  readonly #limits: PublishLimits;
  #published: Published | undefined;
  #copiedHour: string | undefined;

  constructor(deps: PublisherDeps, limits: PublishLimits = PUBLISH_LIMITS) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /**
   * Publishes a checkpoint of what is new, where there is something; what is left of more entries than one can add comes with the next
   * call. Resolves to how many entries are published, or undefined when somebody else has published meanwhile. Rejects with LogProblem, which it has noted, when the log is not what it was or is not that of this database; nothing is written
   * then. Otherwise as LogStore and LogLeaves do.
   */
  async publish(): Promise<number | undefined> {
    const published = this.#published;
    this.#published = undefined;
    try {
      return await this.#publish(published);
    } catch (error) {
      if (error instanceof LogProblem) await this.#deps.leaves.noteProblem(error.message);
      throw error;
    }
  }

  async #publish(known: Published | undefined): Promise<number | undefined> {
    const { leaves } = this.#deps;
    const state = await leaves.begin();
    const through = await this.#seal();
    const published =
      known !== undefined && (await this.#isOfDatabase(known, state)) ? known : await this.#load(state, through);
    const { size } = published.edge;
    const needed = Math.max(size, published.claim?.size ?? 0);
    if (through < needed) throw toEarlyEnd({ through, size, claimed: needed });
    const target = Math.min(through, size + this.#limits.entriesMax);
    if (target === size) {
      await leaves.notePublished(size);
      this.#published = published;
      return size;
    }
    const entries = await readEntries(leaves, { after: size, through: target, droppedThrough: state.droppedThrough });
    // Undefined when somebody else has published meanwhile: the next call looks at what that is.
    this.#published = await this.#write(published, entries);
    if (this.#published !== undefined) await leaves.notePublished(target);
    return this.#published?.edge.size;
  }

  /** Whether the database is still the one whose entries are published: it may be restored while this process runs. */
  async #isOfDatabase({ fork, edge: { size }, last }: Published, state: LogState): Promise<boolean> {
    if (fork !== state.fork) return false;
    if (last === undefined) return true;
    const [row] = await this.#deps.leaves.read({ after: size - 1, through: size });
    return row === undefined ? size <= state.droppedThrough : isSame(row.entry, last);
  }

  async #seal(): Promise<number> {
    for (;;) {
      const { sealed, through } = await this.#deps.leaves.seal({ limit: this.#limits.sealMax });
      if (sealed < this.#limits.sealMax) return through;
    }
  }

  /** Reads what is published, and compares it with the database. */
  async #load(state: LogState, through: number): Promise<Published> {
    const store = this.#storeOf(state.fork);
    const [checkpoint, claim] = [await this.#open(state, "checkpoint"), await this.#open(state, "claim")];
    const size = checkpoint?.size ?? 0;
    if (through < size) throw toEarlyEnd({ through, size, claimed: size });
    const files = new LogFiles((path) => store.read(path), size);
    const edge = TreeEdge.of(size, await Promise.all(listEdgeTiles(size).map((tile) => files.readTile(tile))));
    if (checkpoint !== undefined && !isSame(edge.root, checkpoint.root))
      throw new LogProblem(`the tiles of the last entries do not give the root of the checkpoint of ${size} entries`);
    await findFork(files, { ...state, size, leaves: this.#deps.leaves });
    const bundle = size === 0 ? undefined : await files.readBundle(Math.floor((size - 1) / TILE_WIDTH));
    const tail = size % TILE_WIDTH === 0 ? [] : (bundle?.entries ?? []);
    return { fork: state.fork, edge, tail, last: bundle?.entries.at(-1), checkpoint: checkpoint?.etag, claim };
  }

  async #open({ fork }: LogState, path: string): Promise<(Checkpoint & { etag: string }) | undefined> {
    const found = await this.#storeOf(fork).read(path);
    if (found === undefined) return undefined;
    const verifiers = this.#deps.signers.flatMap(({ verifierKey }) => parseNoteVerifier(verifierKey) ?? []);
    const origin = this.#originOf(fork);
    return { ...openCheckpoint(found.bytes, { origin, verifiers, what: `the ${path}` }), etag: found.etag };
  }

  /** Undefined when somebody else has published meanwhile. */
  async #write(published: Published, entries: readonly Uint8Array[]): Promise<Published | undefined> {
    const { fork } = published;
    const store = this.#storeOf(fork);
    const { edge, tail, files } = toFiles(published, entries);
    const next: Checkpoint = { origin: this.#originOf(fork), size: edge.size, root: edge.root };
    const note = Buffer.from(signNote(formatCheckpoint(next), this.#deps.signers));
    const claim = await store.replace("claim", note, published.claim?.etag);
    if (claim === undefined) return undefined;
    await this.#create(store, files);
    const checkpoint = await store.replace("checkpoint", note, published.checkpoint);
    if (checkpoint === undefined) return undefined;
    await this.#copyHourly(store, note);
    return { fork, edge, tail, last: entries.at(-1), checkpoint, claim: { ...next, etag: claim } };
  }

  async #create(store: LogStore, files: readonly NewFile[]): Promise<void> {
    const left = files.values();
    const work = async () => {
      for (const { tile, path, bytes } of left) {
        if (await store.create(path, bytes, { isLocked: tile.width === TILE_WIDTH })) continue;
        const there = await store.read(path);
        if (there !== undefined && isSame(there.bytes, bytes)) continue;
        const first = tile.index * TILE_WIDTH ** (tile.level + 1) + 1;
        throw new LogProblem(`${path} is there already, with other bytes than those of the entries from ${first} on`);
      }
    };
    // All settle before the first failure is thrown: nothing is written behind the back of whoever hears of it.
    const settled = await Promise.allSettled(Array.from({ length: this.#limits.writesMax }, work));
    for (const one of settled) if (one.status === "rejected") throw one.reason;
  }

  /** One checkpoint of each hour is kept, so that an older tree can be compared with a later one. */
  async #copyHourly(store: LogStore, note: Uint8Array): Promise<void> {
    const hour = this.#deps.now().toISOString().slice(0, 13);
    if (hour === this.#copiedHour) return;
    await store.create(`checkpoints/${hour}`, note, { isLocked: true });
    this.#copiedHour = hour;
  }

  #originOf(fork: number): string {
    return toForkOrigin(this.#deps.signers[0]?.name ?? "", fork);
  }

  #storeOf(fork: number): LogStore {
    const { store } = this.#deps;
    const folder = toForkFolder(fork);
    return {
      read: (path, options) => store.read(folder + path, options),
      create: (path, bytes, options) => store.create(folder + path, bytes, options),
      replace: (path, bytes, etag) => store.replace(folder + path, bytes, etag),
    };
  }
}

/** The tree with more entries, and the bundles and tiles that are new by them. */
function toFiles(
  { edge, tail, claim }: Published,
  entries: readonly Uint8Array[],
): { edge: TreeEdge; tail: Uint8Array[]; files: NewFile[] } {
  const grown = edge.copy();
  const files: NewFile[] = [];
  let bundle = [...tail];
  const addTile = ({ tile, hashes }: { tile: Tile; hashes: readonly Uint8Array[] }) =>
    files.push({ tile, path: toTilePath(tile), bytes: encodeTile(hashes) });
  const addBundle = () => {
    const tile = { level: 0, index: Math.floor((grown.size - 1) / TILE_WIDTH), width: bundle.length };
    files.push({ tile, path: toBundlePath(tile), bytes: encodeBundle(bundle) });
  };
  for (const entry of entries) {
    bundle.push(entry);
    for (const full of grown.append(hashLeaf(entry))) addTile(full);
    if (bundle.length === TILE_WIDTH) {
      addBundle();
      bundle = [];
    }
    if (grown.size === claim?.size && !isSame(grown.root, claim.root))
      throw toOtherClaim({ size: edge.size, claimed: claim.size });
  }
  for (const partial of grown.tiles) addTile(partial);
  if (bundle.length > 0) addBundle();
  return { edge: grown, tail: bundle, files };
}
