import type { CommandIdentity } from "../domain/command-identity.ts";
import { type File, NEW_FILE } from "../domain/file.ts";
import type { FileDescription } from "../domain/file-description.ts";
import { type FileOrder, type FilePosition, PATH_ORDER, toPathPosition } from "../domain/file-order.ts";
import type {
  FilePage,
  FileQuery,
  FileRepository,
  FolderPage,
  FolderQuery,
  GenerationPage,
} from "../domain/file-repository.ts";
import { type FolderEntry, toEntryPosition, toFolder } from "../domain/folder-entry.ts";
import { fileExists, fileNotFound, generationMismatch } from "../domain/repository-refusals.ts";
import { FakeRequests } from "./fake-requests.ts";
import { matchFilter } from "./match-filter.ts";

/** What fakes take from a test. */
export interface FakeRepositoryOptions {
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** A file to be committed; the repository gives it its generation and times. */
export type NewFile = Omit<File, "generation" | "createTime" | "updateTime" | keyof typeof NEW_FILE>;

/** Files in memory. Trusted because it passes the same contract suite as the one in PostgreSQL. */
export class FakeFileRepository implements FileRepository {
  readonly #files: File[] = [];
  readonly #lastGenerations = new Map<string, number>();
  readonly #requests = new FakeRequests();
  readonly #now: () => number;

  constructor(options: FakeRepositoryOptions = {}) {
    this.#now = options.now ?? Date.now;
  }

  async get(namespace: string, path: string, options: { generation?: number } = {}): Promise<File> {
    const { generation } = options;
    const file =
      generation === undefined
        ? this.#findLive(namespace, path)
        : this.#at(namespace, path).find((candidate) => candidate.generation === generation);
    if (file === undefined) throw fileNotFound(path, generation);
    return toFile(file);
  }

  async list(namespace: string, query: FileQuery): Promise<FilePage> {
    const { prefix, filter, order = PATH_ORDER, limit, after, showDeleted } = query;
    const compare = compareIn(order);
    const found = this.#files
      .filter(
        (file) => file.namespace === namespace && file.path.startsWith(prefix) && file.supersedeTime === undefined,
      )
      .filter((file) => file.deleteTime === undefined || (showDeleted && this.#isRestorable(file)))
      .filter((file) => filter === undefined || matchFilter(file, filter))
      .map((file) => ({ file: toFile(file), position: toPosition(file, order) }))
      .filter(({ position }) => after === undefined || compare(position, after) > 0)
      .sort((a, b) => compare(a.position, b.position));
    const shown = found.slice(0, limit);
    const positions = shown.map(({ position }) => position);
    return {
      files: shown.map(({ file }) => file),
      positions,
      next: found.length > limit ? positions.at(-1) : undefined,
    };
  }

  async listFolder(namespace: string, query: FolderQuery): Promise<FolderPage> {
    const { prefix, limit, after, showDeleted } = query;
    const { files } = await this.list(namespace, { prefix, showDeleted, limit: Number.POSITIVE_INFINITY });
    const entries = new Map<string, FolderEntry>();
    for (const file of files) {
      const folder = toFolder(file.path, prefix);
      if (folder === undefined) entries.set(JSON.stringify([file.path, file.generation]), { kind: "file", file });
      else entries.set(folder, { kind: "folder", path: folder });
    }
    const compare = compareIn(PATH_ORDER);
    const found = [...entries.values()].filter(
      (entry) => after === undefined || compare(toEntryPosition(entry), after) > 0,
    );
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    return { entries: shown, next: found.length > limit && last ? toEntryPosition(last) : undefined };
  }

  async listGenerations(
    namespace: string,
    path: string,
    { limit, before = Number.POSITIVE_INFINITY }: { limit: number; before?: number | undefined },
  ): Promise<GenerationPage> {
    const older = this.#at(namespace, path).filter(({ generation }) => generation < before);
    const files = older.sort((a, b) => b.generation - a.generation).slice(0, limit);
    return { files: files.map(toFile), hasMore: older.length > limit };
  }

  async update(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; change: (file: File) => FileDescription },
  ): Promise<File> {
    const earlier = this.#findEarlier(options.identity);
    if (earlier !== undefined) return earlier;
    const file = this.#findLive(namespace, path);
    if (file === undefined) throw fileNotFound(path);
    const { contentType, metadata, labels, dataSubject } = structuredClone(options.change(toFile(file)));
    Object.assign(file, { contentType, metadata, labels, dataSubject, updateTime: new Date(this.#now()) });
    file.metageneration++;
    this.#requests.add(options.identity, file.fileId);
    return toFile(file);
  }

  async delete(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; retentionMs: number; ifGenerationMatch?: number },
  ): Promise<File> {
    const earlier = this.#findEarlier(options.identity);
    if (earlier !== undefined) return earlier;
    const file = this.#findLive(namespace, path);
    if (file === undefined) throw fileNotFound(path);
    const { ifGenerationMatch } = options;
    if (ifGenerationMatch !== undefined && ifGenerationMatch !== file.generation) {
      throw generationMismatch(path, ifGenerationMatch, file.generation);
    }
    const now = this.#now();
    file.metageneration++;
    file.deleteTime = file.updateTime = new Date(now);
    file.purgeTime = new Date(now + options.retentionMs);
    this.#requests.add(options.identity, file.fileId);
    return toFile(file);
  }

  async undelete(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; generation?: number },
  ): Promise<File> {
    const earlier = this.#findEarlier(options.identity);
    if (earlier !== undefined) return earlier;
    const { generation } = options;
    if (this.#findLive(namespace, path) !== undefined) throw fileExists(path);
    const file = this.#at(namespace, path)
      .filter((candidate) => candidate.deleteTime !== undefined && this.#isRestorable(candidate))
      .filter((candidate) => generation === undefined || candidate.generation === generation)
      .sort((a, b) => (a.deleteTime?.getTime() ?? 0) - (b.deleteTime?.getTime() ?? 0) || a.generation - b.generation)
      .at(-1);
    if (file === undefined) throw fileNotFound(path, generation);
    file.deleteTime = file.purgeTime = undefined;
    file.metageneration++;
    file.updateTime = new Date(this.#now());
    this.#requests.add(options.identity, file.fileId);
    return toFile(file);
  }

  /** The generation of the live file at a path, 0 when there is none. */
  liveGeneration(namespace: string, path: string): number {
    return this.#findLive(namespace, path)?.generation ?? 0;
  }

  /** Makes a file the live one of its path and supersedes the one before: what a commit does. */
  add(file: NewFile, options: { retentionMs: number }): File {
    const now = this.#now();
    const former = this.#findLive(file.namespace, file.path);
    if (former !== undefined) {
      former.supersedeTime = new Date(now);
      former.purgeTime = new Date(now + options.retentionMs);
      former.metageneration++;
    }
    const key = JSON.stringify([file.namespace, file.path]);
    const generation = (this.#lastGenerations.get(key) ?? 0) + 1;
    this.#lastGenerations.set(key, generation);
    const times = { createTime: new Date(now), updateTime: new Date(now) };
    const stored: File = { ...structuredClone(file), generation, ...times, ...NEW_FILE };
    this.#files.push(stored);
    return toFile(stored);
  }

  /** Whether a generation has its bytes under this key. */
  hasKey(bucket: string, s3Key: string): boolean {
    return this.#files.some((file) => file.bucket === bucket && file.s3Key === s3Key);
  }

  /** A file by its id. */
  find(fileId: string): File | undefined {
    const file = this.#files.find((candidate) => candidate.fileId === fileId);
    return file === undefined ? undefined : toFile(file);
  }

  #at(namespace: string, path: string): File[] {
    return this.#files.filter((file) => file.namespace === namespace && file.path === path);
  }

  #findLive(namespace: string, path: string): File | undefined {
    return this.#at(namespace, path).find((file) => file.supersedeTime === undefined && file.deleteTime === undefined);
  }

  #isRestorable(file: File): boolean {
    return file.purgeTime !== undefined && file.purgeTime.getTime() > this.#now();
  }

  #findEarlier(identity: CommandIdentity): File | undefined {
    const fileId = this.#requests.find(identity);
    return fileId === undefined ? undefined : this.find(fileId);
  }
}

function toFile(file: File): File {
  return structuredClone(file);
}

function toPosition(file: File, { field }: FileOrder): FilePosition {
  switch (field) {
    case "path":
      return toPathPosition(file);
    case "size_bytes":
      return { value: file.sizeBytes, fileId: file.fileId };
    case "create_time":
      return { value: file.createTime.getTime() * 1000, fileId: file.fileId };
    case "update_time":
      return { value: file.updateTime.getTime() * 1000, fileId: file.fileId };
  }
}

/** Two numbers and texts by their bytes, whatever they are; the same kind of position is given twice. */
function compareIn({ isDescending }: FileOrder): (a: FilePosition, b: FilePosition) => number {
  const compareTexts = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  return (a, b) => {
    let ascending = 0;
    if ("path" in a && "path" in b) ascending = compareTexts(a.path, b.path) || a.generation - b.generation;
    if ("value" in a && "value" in b) ascending = a.value - b.value || compareTexts(a.fileId, b.fileId);
    return isDescending ? -ascending : ascending;
  };
}
