import { LRUCache } from "lru-cache";
import type { CommitPosition } from "../domain/commit-position.ts";
import type { File } from "../domain/files/file.ts";
import type { ChangedPath } from "../domain/files/file-changes.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";

/** Bounds of the cache of one process. */
export interface FileCacheLimits {
  filesMax: number;
  bytesMax: number;
  /** The oldest answer there is, also where changes are not heard of. */
  ageMaxMs: number;
}

/** A file has up to some 70 KiB of names, labels and metadata, and mostly less than one. */
export const FILE_CACHE_LIMITS: FileCacheLimits = { filesMax: 10_000, bytesMax: 16 * 2 ** 20, ageMaxMs: 5_000 };

/** What a file takes beside its texts, about. */
const FILE_OVERHEAD_BYTES = 1024;

/** The entry of a path: an answer to its readers must have seen at least `position`. */
interface Entry {
  file: File | undefined;
  position: CommitPosition;
}

/**
 * The live files that were asked for lately. Absence is not kept. When a path changes while its file is being loaded, the
 * result goes to the callers who wait for it, because they asked before the change, and is not kept.
 */
export class FileCache {
  /** Since the start. */
  readonly counts = { hits: 0, misses: 0, evictions: 0 };
  readonly #entries: LRUCache<string, Entry>;
  readonly #loads = new Map<string, { file: Promise<File>; position: CommitPosition }>();
  /** The position of the last change that may be any path's. */
  #position: CommitPosition = 0n;
  /** The furthest commit position that the database has told. */
  #heard: CommitPosition = 0n;

  /** `now`, in milliseconds, for tests. */
  constructor(limits: FileCacheLimits = FILE_CACHE_LIMITS, { now = () => performance.now() } = {}) {
    this.#entries = new LRUCache({
      max: limits.filesMax,
      maxSize: limits.bytesMax,
      sizeCalculation: ({ file }) => (file === undefined ? FILE_OVERHEAD_BYTES : estimateBytes(file)),
      ttl: limits.ageMaxMs,
      ttlResolution: 0,
      perf: { now },
    });
  }

  /** The live file at a path, as of `position` or later, from memory or by `load`, which may be another caller's. */
  async get(
    { namespace, path }: ChangedPath,
    load: (options: { position: CommitPosition }) => Promise<File>,
    { position = 0n }: { position?: CommitPosition | undefined } = {},
  ): Promise<File> {
    const key = toKey(namespace, path);
    const entry = this.#entries.get(key);
    if (entry?.file !== undefined && entry.position >= position) {
      this.counts.hits++;
      return entry.file;
    }
    const under = this.#loads.get(key);
    if (under !== undefined && under.position >= position) {
      this.counts.hits++;
      return await under.file;
    }
    this.counts.misses++;
    // Other callers read this entry, too: a position that a caller has made up must not vouch for it.
    const vouched = position > this.#heard ? this.#heard : position;
    const known = furthest(vouched, entry?.position ?? 0n, this.#position);
    const started = { file: load({ position: furthest(position, known) }), position: known };
    this.#loads.set(key, started);
    try {
      const file = await started.file;
      if (this.#loads.get(key) === started) this.#entries.set(key, { file, position: known });
      return file;
    } finally {
      if (this.#loads.get(key) === started) this.#loads.delete(key);
    }
  }

  /** Forgets these paths: whoever asks for one from now on sees what was there at `position`, or later. */
  evict(paths: readonly ChangedPath[], position: CommitPosition): void {
    this.#hear(position);
    for (const { namespace, path } of paths) {
      const key = toKey(namespace, path);
      this.#loads.delete(key);
      // A newer position may be known already: siblings tell their changes when they have found them.
      const known = this.#entries.peek(key)?.position ?? 0n;
      this.#entries.set(key, { file: undefined, position: furthest(position, known) });
    }
    this.counts.evictions += paths.length;
  }

  /** Forgets all files, for the case that nobody knows which have changed. */
  clear(position: CommitPosition = 0n): void {
    this.#hear(position);
    if (position > this.#position) this.#position = position;
    this.#loads.clear();
    this.#entries.clear();
  }

  #hear(position: CommitPosition): void {
    if (position > this.#heard) this.#heard = position;
  }
}

/** The same repository, whose live files come from the cache; a named generation is read. */
export function withFileCache<T extends Pick<FileRepository, "get">>(files: T, cache: FileCache): T {
  const get: FileRepository["get"] = (namespace, path, options = {}) => {
    if (options.generation !== undefined) return files.get(namespace, path, options);
    return cache.get({ namespace, path }, ({ position }) => files.get(namespace, path, { position }), options);
  };
  return { ...files, get };
}

function furthest(...positions: CommitPosition[]): CommitPosition {
  return positions.reduce((one, other) => (one > other ? one : other));
}

function toKey(namespace: string, path: string): string {
  return `${namespace}\u0000${path}`;
}

function estimateBytes({ path, contentType, metadata, labels, dataSubject }: File): number {
  let characters = path.length + contentType.length + dataSubject.length;
  for (const map of [metadata, labels]) {
    for (const [name, value] of Object.entries(map)) characters += name.length + value.length;
  }
  return FILE_OVERHEAD_BYTES + 2 * characters;
}
