import { compareBytes } from "../../domain/access/path-scope.ts";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import { type File, NEW_FILE } from "../../domain/files/file.ts";
import { assertEtag } from "../../domain/files/file-etag.ts";
import { type FileCursor, type FileOrder, PATH_ORDER, toPathCursor } from "../../domain/files/file-order.ts";
import type {
  FileChange,
  FileObject,
  FilePage,
  FileQuery,
  FileRepository,
  FolderPage,
  FolderQuery,
  GenerationPage,
  StoredPlace,
} from "../../domain/files/file-repository.ts";
import { fileRetained } from "../../domain/files/file-retention.ts";
import { type FolderEntry, toEntryCursor, toFolder } from "../../domain/files/folder-entry.ts";
import {
  fileExists,
  fileLive,
  fileNotFound,
  filePurged,
  generationMismatch,
} from "../../domain/repository-refusals.ts";
import { assertFileRegion } from "../../domain/residency.ts";
import { FakeRequests } from "./fake-requests.ts";
import { matchFilter } from "./match-filter.ts";
import { takePage } from "./timed-page.ts";

/** Options of the fakes. */
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
    return toFile(this.#get(namespace, path, options.generation));
  }

  async list(namespace: string, query: FileQuery): Promise<FilePage> {
    const { prefix, showDeleted } = query;
    const shown = this.#files
      .filter((file) => file.path.startsWith(prefix) && file.supersedeTime === undefined)
      .filter((file) => file.deleteTime === undefined || (showDeleted && this.#isRestorable(file)));
    return this.#toPage(namespace, shown, query);
  }

  async listSuperseded(namespace: string, query: Parameters<FileRepository["listSuperseded"]>[1]): Promise<FilePage> {
    const shown = this.#files.filter((file) => file.supersedeTime !== undefined && this.#isRestorable(file));
    return this.#toPage(namespace, shown, query);
  }

  #toPage(
    namespace: string,
    files: readonly File[],
    { filter, order = PATH_ORDER, limit, after }: Pick<FileQuery, "filter" | "order" | "limit" | "after">,
  ): FilePage {
    const compare = compareIn(order);
    const found = files
      .filter((file) => file.namespace === namespace)
      .filter((file) => filter === undefined || matchFilter(file, filter))
      .map((file) => ({ file: toFile(file), cursor: toCursor(file, order) }))
      .filter(({ cursor }) => after === undefined || compare(cursor, after) > 0)
      .sort((a, b) => compare(a.cursor, b.cursor));
    const shown = found.slice(0, limit);
    const cursors = shown.map(({ cursor }) => cursor);
    return {
      files: shown.map(({ file }) => file),
      cursors,
      next: found.length > limit ? cursors.at(-1) : undefined,
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
      (entry) => after === undefined || compare(toEntryCursor(entry), after) > 0,
    );
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    return { entries: shown, next: found.length > limit && last ? toEntryCursor(last) : undefined };
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
    options: { identity: CommandIdentity; change: (file: File) => FileChange; generation?: number },
  ): Promise<File> {
    const earlier = this.#findEarlier(options.identity);
    if (earlier !== undefined) return earlier;
    const file = this.#get(namespace, path, options.generation);
    if (file.purgeState !== undefined) throw filePurged(path, file.generation);
    const { contentType, metadata, labels, dataSubject, legalHold, retainUntilTime } = structuredClone(
      options.change(toFile(file)),
    );
    const updateTime = new Date(this.#now());
    if (file.legalHold !== legalHold && (legalHold || file.holdSettled !== undefined)) file.holdSettled = false;
    Object.assign(file, { contentType, metadata, labels, dataSubject, legalHold, retainUntilTime, updateTime });
    file.metageneration++;
    this.#requests.add(options.identity, file.fileId);
    return toFile(file);
  }

  async settleHold(
    { fileId, metageneration }: Parameters<FileRepository["settleHold"]>[0],
    hasObjectLock: boolean,
  ): Promise<{ file: File; isSettled: boolean }> {
    const file = this.#files.find((candidate) => candidate.fileId === fileId);
    if (file === undefined) throw new Error(`there is no file ${fileId}`);
    const isSettled = file.metageneration === metageneration;
    if (isSettled) file.holdSettled = hasObjectLock ? true : undefined;
    return { file: toFile(file), isSettled };
  }

  async listUnsettledHolds(
    namespace: string,
    { after, limit }: { after: string; limit: number },
  ): Promise<{ files: File[]; next: string }> {
    const files = this.#files
      .filter((file) => file.namespace === namespace && file.holdSettled === false && file.purgeState === undefined)
      .filter(({ fileId }) => fileId > after)
      .sort((a, b) => (a.fileId < b.fileId ? -1 : 1))
      .slice(0, limit);
    return { files: files.map(toFile), next: files.length < limit ? "" : (files.at(-1)?.fileId ?? "") };
  }

  async delete(namespace: string, path: string, options: Parameters<FileRepository["delete"]>[2]): Promise<File> {
    const earlier = this.#findEarlier(options.identity);
    if (earlier !== undefined) return earlier;
    const file = this.#findLive(namespace, path);
    if (file === undefined) throw fileNotFound(path);
    const { ifGenerationMatch } = options;
    if (ifGenerationMatch !== undefined && ifGenerationMatch !== file.generation) {
      throw generationMismatch(path, ifGenerationMatch, file.generation);
    }
    assertEtag(file, options.etag ?? "");
    const now = this.#now();
    if (!this.#isReleased(file)) throw fileRetained(file);
    file.metageneration++;
    file.deleteTime = file.updateTime = new Date(now);
    file.purgeTime = new Date(now + options.retentionMs);
    this.#requests.add(options.identity, file.fileId);
    return toFile(file);
  }

  async listPlaces(namespaces: readonly string[], { limit }: { limit: number }): Promise<StoredPlace[]> {
    const places = new Map<string, StoredPlace>();
    for (const { namespace, bucket, region, sizeBytes, purgeState } of this.#files) {
      if (!namespaces.includes(namespace) || purgeState === "purged") continue;
      const key = [namespace, bucket, region].join("\u0000");
      const place = places.get(key) ?? { namespace, bucket, region, generations: 0, sizeBytes: 0n };
      places.set(key, {
        ...place,
        generations: place.generations + 1,
        sizeBytes: place.sizeBytes + BigInt(sizeBytes),
      });
    }
    const sorted = [...places].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    return sorted.slice(0, limit).map(([, place]) => place);
  }

  async listObjects(
    bucket: string,
    { keyPrefix, after, limit }: Parameters<FileRepository["listObjects"]>[1],
  ): Promise<FileObject[]> {
    return this.#files
      .filter(
        (file) => file.bucket === bucket && file.s3Key.startsWith(keyPrefix) && compareBytes(file.s3Key, after) > 0,
      )
      .sort((a, b) => compareBytes(a.s3Key, b.s3Key))
      .slice(0, limit)
      .map(toFileObject);
  }

  async findObjects(bucket: string, keys: readonly string[]): Promise<FileObject[]> {
    return this.#files.filter((file) => file.bucket === bucket && keys.includes(file.s3Key)).map(toFileObject);
  }

  async undelete(namespace: string, path: string, options: Parameters<FileRepository["undelete"]>[2]): Promise<File> {
    const earlier = this.#findEarlier(options.identity);
    if (earlier !== undefined) return earlier;
    const { generation, etag = "" } = options;
    if (this.#findLive(namespace, path) !== undefined) throw fileExists(path);
    const file = this.#at(namespace, path)
      .filter((candidate) => candidate.deleteTime !== undefined && this.#isRestorable(candidate))
      .filter((candidate) => generation === undefined || candidate.generation === generation)
      .sort((a, b) => (a.deleteTime?.getTime() ?? 0) - (b.deleteTime?.getTime() ?? 0) || a.generation - b.generation)
      .at(-1);
    if (file === undefined) {
      if (generation !== undefined && this.#get(namespace, path, generation).purgeState !== undefined)
        throw filePurged(path, generation);
      throw fileNotFound(path, generation);
    }
    assertEtag(file, etag);
    assertFileRegion(file, options.allowedRegions);
    file.deleteTime = file.purgeTime = undefined;
    file.metageneration++;
    file.updateTime = new Date(this.#now());
    this.#requests.add(options.identity, file.fileId);
    return toFile(file);
  }

  async move(namespace: string, path: string, options: Parameters<FileRepository["move"]>[2]): Promise<File> {
    const earlier = this.#findEarlier(options.identity);
    if (earlier !== undefined) return earlier;
    const { targetPath, ifGenerationMatch, etag = "", ifTargetGenerationMatch } = options;
    const file = this.#get(namespace, path, undefined);
    if (ifGenerationMatch !== undefined && ifGenerationMatch !== file.generation) {
      throw generationMismatch(path, ifGenerationMatch, file.generation);
    }
    assertEtag(file, etag);
    return this.#place(file, targetPath, { ...options, ifTargetGenerationMatch });
  }

  async restoreGeneration(
    namespace: string,
    path: string,
    options: Parameters<FileRepository["restoreGeneration"]>[2],
  ): Promise<File> {
    const earlier = this.#findEarlier(options.identity);
    if (earlier !== undefined) return earlier;
    const { generation, ifGenerationMatch: ifTargetGenerationMatch } = options;
    const file = this.#get(namespace, path, generation);
    if (isLive(file)) throw fileLive(path, generation, { remedy: "it is the current one already" });
    if (!this.#isRestorable(file)) throw filePurged(path, generation);
    assertFileRegion(file, options.allowedRegions);
    return this.#place(file, path, { ...options, ifTargetGenerationMatch });
  }

  async beginPurge(
    namespace: string,
    path: string,
    { identity, generation, etag = "" }: Parameters<FileRepository["beginPurge"]>[2],
  ): Promise<File> {
    const earlier = this.#findEarlier(identity);
    if (earlier !== undefined) return earlier;
    const file =
      generation === undefined
        ? (this.#findDeletedLast(namespace, path) ?? this.#get(namespace, path, undefined))
        : this.#get(namespace, path, generation);
    if (isLive(file)) throw fileLive(path, file.generation, { remedy: "delete it before it is purged" });
    if (file.purgeState === undefined) {
      if (!this.#isReleased(file)) throw fileRetained(file);
    }
    assertEtag(file, etag);
    if (file.purgeState === undefined) file.purgeTime = new Date(this.#now());
    this.#markPurging(file);
    this.#requests.add(identity, file.fileId);
    return toFile(file);
  }

  async beginDuePurges(
    namespace: string,
    paging: { after: string; limit: number },
  ): Promise<{ files: File[]; next: string }> {
    const due = this.#files
      .filter(
        (file) =>
          file.namespace === namespace &&
          file.purgeTime !== undefined &&
          file.purgeState !== "purged" &&
          this.#isReleased(file),
      )
      .map((file) => {
        const ms = Math.max(file.purgeTime?.getTime() ?? 0, file.retainUntilTime?.getTime() ?? 0);
        return { entry: file, ms, id: file.fileId };
      })
      .filter(({ ms }) => ms <= this.#now());
    const { page, next } = takePage(due, paging);
    for (const file of page) this.#markPurging(file);
    return { files: page.map(toFile), next };
  }

  async endPurges(namespace: string, fileIds: readonly string[]): Promise<File[]> {
    const files = this.#files.filter((file) => file.namespace === namespace && fileIds.includes(file.fileId));
    for (const file of files.filter(({ purgeState }) => purgeState === "purging")) {
      const now = new Date(this.#now());
      Object.assign(file, { ...EMPTIED, purgeState: "purged", purgeTime: now, updateTime: now });
      file.metageneration++;
    }
    return files.map(toFile);
  }

  /** The generation of the live file at a path, 0 when there is none. */
  liveGeneration(namespace: string, path: string): number {
    return this.#findLive(namespace, path)?.generation ?? 0;
  }

  /** Makes a file the live one of its path and supersedes the one before: what a commit does. */
  add(file: NewFile, options: { retentionMs: number; retainMs?: number | undefined }): File {
    const now = this.#now();
    const generation = this.#takePath(file.namespace, file.path, { ...options, now });
    const times = { createTime: new Date(now), updateTime: new Date(now) };
    const stored: File = { ...structuredClone(file), generation, ...times, ...NEW_FILE };
    if (options.retainMs !== undefined) stored.retainUntilTime = new Date(now + options.retainMs);
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

  /** Supersedes what is live at a path; returns the path's next generation. */
  #takePath(namespace: string, path: string, { retentionMs, now }: { retentionMs: number; now: number }): number {
    const former = this.#findLive(namespace, path);
    if (former !== undefined) {
      former.supersedeTime = former.updateTime = new Date(now);
      former.purgeTime = new Date(now + retentionMs);
      former.metageneration++;
    }
    const key = JSON.stringify([namespace, path]);
    const generation = (this.#lastGenerations.get(key) ?? 0) + 1;
    this.#lastGenerations.set(key, generation);
    return generation;
  }

  #place(
    file: File,
    path: string,
    options: { identity: CommandIdentity; retentionMs: number; ifTargetGenerationMatch: number | undefined },
  ): File {
    const { ifTargetGenerationMatch: wanted } = options;
    const current = this.liveGeneration(file.namespace, path);
    if (wanted !== undefined && wanted !== current) throw generationMismatch(path, wanted, current);
    const now = this.#now();
    file.generation = this.#takePath(file.namespace, path, { ...options, now });
    file.path = path;
    file.supersedeTime = file.deleteTime = file.purgeTime = undefined;
    file.metageneration++;
    file.updateTime = new Date(now);
    this.#requests.add(options.identity, file.fileId);
    return toFile(file);
  }

  #at(namespace: string, path: string): File[] {
    return this.#files.filter((file) => file.namespace === namespace && file.path === path);
  }

  #findLive(namespace: string, path: string): File | undefined {
    return this.#at(namespace, path).find(isLive);
  }

  #findDeletedLast(namespace: string, path: string): File | undefined {
    return this.#at(namespace, path)
      .filter(({ deleteTime }) => deleteTime !== undefined)
      .sort((a, b) => (a.deleteTime?.getTime() ?? 0) - (b.deleteTime?.getTime() ?? 0) || a.generation - b.generation)
      .at(-1);
  }

  #markPurging(file: File): void {
    if (file.purgeState !== undefined) return;
    file.purgeState = "purging";
    file.metageneration++;
    file.updateTime = new Date(this.#now());
  }

  #get(namespace: string, path: string, generation: number | undefined): File {
    const file =
      generation === undefined
        ? this.#findLive(namespace, path)
        : this.#at(namespace, path).find((candidate) => candidate.generation === generation);
    if (file === undefined) throw fileNotFound(path, generation);
    return file;
  }

  #isReleased({ legalHold, retainUntilTime }: File): boolean {
    return !legalHold && (retainUntilTime === undefined || retainUntilTime.getTime() <= this.#now());
  }

  #isRestorable(file: File): boolean {
    const isDue = file.purgeTime === undefined || file.purgeTime.getTime() <= this.#now();
    return file.purgeState === undefined && (!isDue || !this.#isReleased(file));
  }

  #findEarlier(identity: CommandIdentity): File | undefined {
    const fileId = this.#requests.find(identity);
    return fileId === undefined ? undefined : this.find(fileId);
  }
}

/** The fields that are emptied when the bytes are purged. */
const EMPTIED = {
  crc32: 0,
  sha256: undefined,
  s3Etag: "",
  contentType: "",
  metadata: {},
  labels: {},
  dataSubject: "",
  holdSettled: undefined,
} as const satisfies Partial<File>;

function isLive({ supersedeTime, deleteTime }: File): boolean {
  return supersedeTime === undefined && deleteTime === undefined;
}

function toFileObject(file: File): FileObject {
  const { namespace, fileId, path, generation, s3Key, s3VersionId, s3Etag, sizeBytes, crc32, purgeState } = file;
  return { namespace, fileId, path, generation, s3Key, s3VersionId, s3Etag, sizeBytes, crc32, purgeState };
}

function toFile(file: File): File {
  return structuredClone(file);
}

function toCursor(file: File, { field }: FileOrder): FileCursor {
  switch (field) {
    case "path":
      return toPathCursor(file);
    case "size_bytes":
      return { value: file.sizeBytes, fileId: file.fileId };
    case "create_time":
      return { value: file.createTime.getTime() * 1000, fileId: file.fileId };
    case "update_time":
      return { value: file.updateTime.getTime() * 1000, fileId: file.fileId };
  }
}

/** Two numbers and texts by their bytes, whatever they are; the same kind of cursor is given twice. */
function compareIn({ isDescending }: FileOrder): (a: FileCursor, b: FileCursor) => number {
  const compareTexts = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  return (a, b) => {
    let ascending = 0;
    if ("path" in a && "path" in b) ascending = compareTexts(a.path, b.path) || a.generation - b.generation;
    if ("value" in a && "value" in b) ascending = a.value - b.value || compareTexts(a.fileId, b.fileId);
    return isDescending ? -ascending : ascending;
  };
}
