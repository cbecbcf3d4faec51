import { LRUCache } from "lru-cache";
import { type CommitPosition, laterPosition } from "../domain/commit-position.ts";
import { DomainError } from "../domain/errors.ts";
import { type File, toFileEtag } from "../domain/files/file.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { wait } from "../domain/limits/backoff.ts";

/** How much is kept, for how long, and when it is given. */
export interface KeptFilesLimits {
  /** Estimated memory of all kept files, in bytes. */
  sizeMaxBytes: number;
  /** No answer older than this is given, in milliseconds. */
  ageMaxMs: number;
  /** How long a read waits for the database when there is a kept answer, in milliseconds: a database that hangs says nothing. */
  waitMaxMs: number;
}

/** Some ten thousand files in each worker; five minutes, beyond which callers would rather hear that nobody knows. */
const LIMITS: KeptFilesLimits = { sizeMaxBytes: 16 * 1024 * 1024, ageMaxMs: 5 * 60_000, waitMaxMs: 1000 };
/** Estimated memory of a file without its texts, in bytes. */
const FILE_BYTES = 1024;

/** Tells a caller that the answer was the newest so many milliseconds ago. */
export type MarkStale = (ageMs: number) => void;

/** A read of one file. */
interface FileRead {
  readonly key: string;
  /** What the answer must have seen. */
  readonly position: CommitPosition | undefined;
}

interface Kept {
  readonly file: File;
  /** When the database was asked for it. */
  readonly askedAt: number;
  /** The answer has seen this position. */
  readonly position: CommitPosition | undefined;
}

/**
 * The last answers of the database about files. They are given while it does not answer, marked with their age, and only to who
 * has seen nothing that they may lack: an answer that was read at an earlier commit position than the caller's is not given.
 * Whether the caller may read the file is decided before, as always.
 */
export class KeptFiles {
  readonly #limits: KeptFilesLimits;
  readonly #now: () => number;
  readonly #files: LRUCache<string, Kept>;

  /** `now` counts milliseconds and never goes back. */
  constructor({ limits = LIMITS, now = () => performance.now() } = {}) {
    this.#limits = limits;
    this.#now = now;
    this.#files = new LRUCache({ maxSize: limits.sizeMaxBytes, sizeCalculation: ({ file }) => toSizeBytes(file) });
  }

  /** What a query works with, for its caller: who can be told the age of a kept answer gets one while the database is away. */
  over<T extends { files: Pick<FileRepository, "get"> }>(
    deps: T,
    { markStale }: { markStale?: MarkStale | undefined },
  ): Omit<T, "files"> & { files: Pick<FileRepository, "get"> } {
    if (markStale === undefined) return deps;
    const get: FileRepository["get"] = async (namespace, path, which = {}) => {
      const read = { key: `${namespace}/${which.generation ?? 0}/${path}`, position: which.position };
      return await this.#read(read, { ask: () => deps.files.get(namespace, path, which), markStale });
    };
    return { ...deps, files: { get } };
  }

  /** Forgets everything: somebody has changed something, and it is not known at which position. */
  clear(): void {
    this.#files.clear();
  }

  async #read(read: FileRead, { ask, markStale }: { ask: () => Promise<File>; markStale: MarkStale }): Promise<File> {
    const asking = this.#askAndKeep(read, ask);
    if (this.#find(read) === undefined) return await asking;
    const stop = new AbortController();
    try {
      return await Promise.race([asking, this.#giveUp(stop.signal)]);
    } catch (error) {
      const kept = isAway(error) ? this.#find(read) : undefined;
      if (kept === undefined) return await asking;
      markStale(Math.ceil(this.#now() - kept.askedAt));
      return kept.file;
    } finally {
      stop.abort();
      asking.catch(() => {});
    }
  }

  async #giveUp(signal: AbortSignal): Promise<never> {
    await wait(this.#limits.waitMaxMs, signal);
    throw new DomainError("unavailable", "the metadata database does not answer", { reason: "DATABASE_UNAVAILABLE" });
  }

  async #askAndKeep({ key, position: asked }: FileRead, ask: () => Promise<File>): Promise<File> {
    const askedAt = this.#now();
    try {
      const file = await ask();
      const known = this.#files.peek(key);
      // The same state of the file has seen what it had seen before, too.
      const isSame = known !== undefined && toFileEtag(known.file) === toFileEtag(file);
      const position = laterPosition(asked, isSame ? known.position : undefined);
      this.#files.set(key, { file, askedAt, position });
      return file;
    } catch (error) {
      if (!isAway(error)) this.#files.delete(key);
      throw error;
    }
  }

  #find({ key, position }: FileRead): Kept | undefined {
    const kept = this.#files.get(key);
    if (kept === undefined || this.#now() - kept.askedAt > this.#limits.ageMaxMs) return undefined;
    const hasSeen = position === undefined || laterPosition(position, kept.position) === kept.position;
    return hasSeen ? kept : undefined;
  }
}

function isAway(error: unknown): boolean {
  return error instanceof DomainError && error.reason === "DATABASE_UNAVAILABLE";
}

function toSizeBytes({ path, metadata, labels }: File): number {
  const texts = [metadata, labels].flatMap((pairs) => Object.entries(pairs).flat());
  return texts.reduce((sum, text) => sum + 2 * text.length, FILE_BYTES + 2 * path.length);
}
