import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ObjectRecord, PartRecord, UploadRecord, Versioning, VersionRecord } from "./records.ts";

/*
 * buckets/<name>/bucket.json
 * buckets/<name>/objects/<SHA-256 of the key>.json     one object, replaced by rename
 * buckets/<name>/versions/<SHA-256 of the key>.json    what is behind it, newest first
 * buckets/<name>/uploads/<upload id>.jsonl             the upload, then its parts as they come
 *
 * Keys are hashed, so that no key can name a file outside. Everything is synchronous: the files are small, and a change
 * of the catalog is then one step that no other request can come between. Nothing is flushed to the device: this is
 * meant to survive a killed process, not a power cut.
 */

/** What was found of a bucket after a restart. */
export interface LoadedBucket {
  readonly name: string;
  /** Undefined where an earlier version of the server has made the bucket. */
  readonly region?: string;
  readonly createdAt: number;
  readonly versioning: Versioning;
  /** Undefined where an earlier version of the server has made the bucket. */
  readonly hasObjectLock?: boolean;
  readonly objects: readonly ObjectRecord[];
  /** Newest first for each key. A version may be here and among the objects, when a process was killed between two files. */
  readonly versions: readonly VersionRecord[];
  readonly uploads: readonly { readonly upload: UploadRecord; readonly parts: readonly PartRecord[] }[];
}

type BucketFile = Pick<LoadedBucket, "region" | "createdAt" | "versioning" | "hasObjectLock">;

/** Keeps the catalog's records in a directory. */
export class CatalogFiles {
  readonly #root: string;

  constructor(directory: string) {
    this.#root = join(directory, "buckets");
    mkdirSync(this.#root, { recursive: true });
  }

  load(): LoadedBucket[] {
    return readdirSync(this.#root).map((name) => {
      const objects = this.#list(name, "objects").map((file) => JSON.parse(readFileSync(file, "utf8")) as ObjectRecord);
      const uploads = this.#list(name, "uploads").map(readUpload);
      mkdirSync(join(this.#root, name, "versions"), { recursive: true });
      const versions = this.#list(name, "versions").flatMap(
        (file) => JSON.parse(readFileSync(file, "utf8")) as VersionRecord[],
      );
      const bucket = JSON.parse(readFileSync(join(this.#root, name, "bucket.json"), "utf8")) as BucketFile;
      return { ...bucket, name, objects, versions, uploads };
    });
  }

  createBucket(bucket: string, file: BucketFile): void {
    for (const folder of ["objects", "versions", "uploads"]) {
      mkdirSync(join(this.#root, bucket, folder), { recursive: true });
    }
    this.saveBucket(bucket, file);
  }

  saveBucket(bucket: string, { region, createdAt, versioning, hasObjectLock }: BucketFile): void {
    const text = JSON.stringify({ region, createdAt, versioning, hasObjectLock });
    replaceFile(join(this.#root, bucket, "bucket.json"), text);
  }

  deleteBucket(bucket: string): void {
    rmSync(join(this.#root, bucket), { recursive: true, force: true });
  }

  saveObject(bucket: string, object: ObjectRecord): void {
    replaceFile(this.#objectFile(bucket, object.key), JSON.stringify(object));
  }

  deleteObject(bucket: string, key: string): void {
    rmSync(this.#objectFile(bucket, key), { force: true });
  }

  saveVersions(bucket: string, key: string, versions: readonly VersionRecord[]): void {
    const file = this.#objectFile(bucket, key, "versions");
    if (versions.length === 0) rmSync(file, { force: true });
    else replaceFile(file, JSON.stringify(versions));
  }

  beginUpload(bucket: string, upload: UploadRecord): void {
    replaceFile(this.#uploadFile(bucket, upload.uploadId), `${JSON.stringify(upload)}\n`);
  }

  addPart(bucket: string, uploadId: string, part: PartRecord): void {
    appendFileSync(this.#uploadFile(bucket, uploadId), `${JSON.stringify(part)}\n`);
  }

  endUpload(bucket: string, uploadId: string): void {
    rmSync(this.#uploadFile(bucket, uploadId), { force: true });
  }

  #objectFile(bucket: string, key: string, folder = "objects"): string {
    return join(this.#root, bucket, folder, `${createHash("sha256").update(key).digest("hex")}.json`);
  }

  #uploadFile(bucket: string, uploadId: string): string {
    return join(this.#root, bucket, "uploads", `${uploadId}.jsonl`);
  }

  #list(bucket: string, folder: string): string[] {
    const directory = join(this.#root, bucket, folder);
    return readdirSync(directory)
      .filter((name) => !name.endsWith(".tmp"))
      .map((name) => join(directory, name));
  }
}

function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

function readUpload(path: string): { upload: UploadRecord; parts: PartRecord[] } {
  const [head = "", ...lines] = readFileSync(path, "utf8").split("\n");
  const parts = new Map<number, PartRecord>();
  // Behind the last line feed there is nothing, or half a part whose client was never answered.
  for (const line of lines.slice(0, -1)) {
    const part: PartRecord = JSON.parse(line);
    parts.set(part.partNumber, part);
  }
  return { upload: JSON.parse(head), parts: [...parts.values()] };
}
