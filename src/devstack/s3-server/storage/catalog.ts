import { randomBytes } from "node:crypto";
import { assertWritable, type WriteConditions } from "../protocol/preconditions.ts";
import { S3Error } from "../protocol/s3-error.ts";
import type { BlobStore } from "./blobs.ts";
import {
  assertBucketName,
  type Bucket,
  type BucketPlace,
  type MutableUpload,
  makeBucket,
  newVersion,
  type OpenUpload,
} from "./bucket.ts";
import type { CatalogFiles } from "./catalog-files.ts";
import type { DeleteMarker, ObjectRecord, PartRecord, UploadRecord, Versioning, VersionRecord } from "./records.ts";
import { idOf } from "./version-history.ts";

/** How many completions of a bucket are remembered for repeated calls; S3 remembers them for a while. */
const COMPLETIONS_MAX = 10_000;

/**
 * Everything that exists: buckets, objects and multipart uploads, in memory and, where files are given, on disk.
 * Every method is one synchronous step, so its preconditions hold at the moment its change becomes visible.
 */
export class Catalog {
  readonly #buckets = new Map<string, Bucket>();
  readonly #blobs: BlobStore;
  readonly #files: CatalogFiles | undefined;

  /**
   * Loads the records of the files; uploads whose object exists were completed by a process that was then killed. Buckets
   * whose region was not recorded lie in `region`.
   */
  constructor(blobs: BlobStore, files: CatalogFiles | undefined, { region }: { region: string }) {
    this.#blobs = blobs;
    this.#files = files;
    for (const { name, createdAt, versioning, objects, versions, uploads, ...place } of files?.load() ?? []) {
      const bucket = this.#addBucket(name, { region, hasObjectLock: false, ...place, createdAt });
      bucket.versioning = versioning;
      for (const object of objects) {
        bucket.objects.set(object.key, object);
        blobs.retain(object.segments);
        this.#remember(bucket, object);
      }
      for (const version of bucket.history.load(bucket.objects, versions)) {
        if (!("isDeleteMarker" in version)) blobs.retain(version.segments);
      }
      for (const { upload, parts } of uploads) {
        if (bucket.completions.has(upload.uploadId)) {
          files?.endUpload(name, upload.uploadId);
          continue;
        }
        bucket.uploads.set(upload.uploadId, {
          ...upload,
          parts: new Map(parts.map((part) => [part.partNumber, part])),
        });
        for (const part of parts) blobs.retain(part.segments);
      }
    }
  }

  /** Names and creation times (milliseconds since the epoch), by name. */
  listBuckets(): { name: string; createdAt: number }[] {
    return [...this.#buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws S3Error `BucketAlreadyOwnedByYou`, `InvalidBucketName`. */
  createBucket(name: string, place: BucketPlace): void {
    assertBucketName(name);
    if (this.#buckets.has(name)) {
      throw new S3Error(
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.",
        { BucketName: name },
      );
    }
    const bucket = this.#addBucket(name, place);
    this.#files?.createBucket(name, bucket);
  }

  hasBucket(name: string): boolean {
    return this.#buckets.has(name);
  }

  /** @throws S3Error `NoSuchBucket`. */
  assertBucket(name: string): void {
    this.#bucket(name);
  }

  /** The region that a bucket lies in; undefined when there is no such bucket. */
  regionOf(name: string): string | undefined {
    return this.#buckets.get(name)?.region;
  }

  /** The region that a bucket lies in. @throws S3Error `NoSuchBucket`. */
  requireRegion(name: string): string {
    return this.#bucket(name).region;
  }

  /** Whether any bucket lies in the region. */
  hasRegion(region: string): boolean {
    return [...this.#buckets.values()].some((bucket) => bucket.region === region);
  }

  versioningOf(name: string): Versioning {
    return this.#bucket(name).versioning;
  }

  setVersioning(name: string, versioning: Versioning): void {
    this.#files?.saveBucket(name, Object.assign(this.#bucket(name), { versioning }));
  }

  /** @throws S3Error `BucketNotEmpty` while it holds objects; unfinished uploads go with it. */
  deleteBucket(name: string): void {
    const bucket = this.#bucket(name);
    if (bucket.objects.size > 0 || !bucket.history.isEmpty) {
      throw new S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty", { BucketName: name });
    }
    for (const upload of [...bucket.uploads.values()]) this.endUpload(name, upload);
    this.#buckets.delete(name);
    this.#files?.deleteBucket(name);
  }

  /** All objects, in no order. */
  objects(bucket: string): Iterable<ObjectRecord> {
    return this.#bucket(bucket).objects.values();
  }

  /** @throws S3Error `NoSuchBucket`. */
  findObject(bucket: string, key: string): ObjectRecord | undefined {
    return this.#bucket(bucket).objects.get(key);
  }

  /** @throws S3Error `NoSuchKey`. */
  getObject(bucket: string, key: string): ObjectRecord {
    const object = this.findObject(bucket, key);
    if (object === undefined) throw new S3Error("NoSuchKey", "The specified key does not exist.", { Key: key });
    return object;
  }

  /** Every version of every key, those of a key newest first. */
  versions(bucketName: string): { record: VersionRecord; isLatest: boolean }[] {
    const { objects, history } = this.#bucket(bucketName);
    return [...new Set([...objects.keys(), ...history.keys()])].flatMap((key) =>
      history.behind(objects, key).map((record, index) => ({ record, isLatest: index === 0 })),
    );
  }

  findVersion(bucketName: string, key: string, versionId: string): VersionRecord | undefined {
    const { objects, history } = this.#bucket(bucketName);
    return history.behind(objects, key).find((record) => idOf(record) === versionId);
  }

  /**
   * Makes an object visible, taking over one reference to each of its segments; returns it as it is stored.
   * @throws S3Error what the conditions say; the caller's references are then still its own.
   */
  putObject(bucketName: string, object: ObjectRecord, conditions: WriteConditions): ObjectRecord {
    const bucket = this.#bucket(bucketName);
    assertWritable(bucket.objects.get(object.key), conditions);
    const stored = { ...object, ...newVersion(bucket) };
    const freed = bucket.history.retire(bucket, object.key);
    this.#files?.saveVersions(bucketName, object.key, bucket.history.of(object.key));
    this.#files?.saveObject(bucketName, stored);
    bucket.objects.set(object.key, stored);
    this.#release(freed);
    return stored;
  }

  /** Deletes an object if it is there; in a bucket that keeps versions it is kept behind the mark that is returned. */
  deleteObject(
    bucketName: string,
    key: string,
    { conditions, now }: { conditions: WriteConditions; now: number },
  ): DeleteMarker | undefined {
    const bucket = this.#bucket(bucketName);
    const { objects, history, versioning } = bucket;
    assertWritable(objects.get(key), conditions);
    const freed = history.retire(bucket, key);
    const marker = { key, ...newVersion(bucket), lastModified: now, isDeleteMarker: true } as const;
    if (versioning !== undefined) history.add(marker);
    this.#files?.saveVersions(bucketName, key, history.of(key));
    this.#files?.deleteObject(bucketName, key);
    objects.delete(key);
    this.#release(freed);
    return versioning === undefined ? undefined : marker;
  }

  /**
   * Deletes one version for good, if it is there; readers then see the newest that is left, unless that is a mark.
   * @throws S3Error `AccessDenied` while the version is under a legal hold.
   */
  deleteVersion(bucketName: string, key: string, versionId: string): void {
    const { objects, history } = this.#bucket(bucketName);
    if (this.findVersion(bucketName, key, versionId)?.isHeld === true) {
      throw new S3Error("AccessDenied", "Access Denied because object protected by object lock.");
    }
    const removed = history.remove(objects, key, versionId);
    if (removed === undefined) return;
    this.#saveKey(bucketName, key);
    this.#release(removed);
  }

  /** Puts a version under a legal hold, or takes it away. @throws S3Error `InvalidRequest` in a bucket without Object Lock. */
  setLegalHold(bucketName: string, version: ObjectRecord, isHeld: boolean): void {
    const { objects, history, hasObjectLock } = this.#bucket(bucketName);
    if (!hasObjectLock) throw new S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration");
    history.replace(objects, { ...version, isHeld });
    this.#saveKey(bucketName, version.key);
  }

  #saveKey(bucketName: string, key: string): void {
    const { objects, history } = this.#bucket(bucketName);
    const current = objects.get(key);
    if (current === undefined) this.#files?.deleteObject(bucketName, key);
    else this.#files?.saveObject(bucketName, current);
    this.#files?.saveVersions(bucketName, key, history.of(key));
  }

  createUpload(bucketName: string, upload: Omit<UploadRecord, "uploadId">): UploadRecord {
    const bucket = this.#bucket(bucketName);
    const record = { ...upload, uploadId: randomBytes(24).toString("hex") };
    this.#files?.beginUpload(bucketName, record);
    bucket.uploads.set(record.uploadId, { ...record, parts: new Map() });
    return record;
  }

  /** All unfinished uploads, in no order. */
  uploads(bucket: string): Iterable<OpenUpload> {
    return this.#bucket(bucket).uploads.values();
  }

  /** @throws S3Error `NoSuchUpload` when it never was, has been completed or aborted, or is of another key. */
  getUpload(bucket: string, key: string, uploadId: string): OpenUpload {
    return this.#upload(bucket, key, uploadId);
  }

  /** The object that an upload became, while the completion is remembered. */
  findCompletion(bucket: string, key: string, uploadId: string): ObjectRecord | undefined {
    const object = this.#bucket(bucket).completions.get(uploadId);
    return object?.key === key ? object : undefined;
  }

  /** Adds or replaces a part, taking over one reference to its segments. @throws S3Error `NoSuchUpload`. */
  putPart(bucket: string, { key, uploadId }: UploadRecord, part: PartRecord): void {
    const upload = this.#upload(bucket, key, uploadId);
    this.#files?.addPart(bucket, uploadId, part);
    const replaced = upload.parts.get(part.partNumber);
    upload.parts.set(part.partNumber, part);
    if (replaced !== undefined) this.#blobs.release(replaced.segments);
  }

  /** Makes the object of an upload visible and ends the upload. @throws S3Error what the conditions say. */
  completeUpload(
    bucketName: string,
    upload: OpenUpload,
    { object, conditions }: { object: ObjectRecord; conditions: WriteConditions },
  ): ObjectRecord {
    const bucket = this.#bucket(bucketName);
    this.#blobs.retain(object.segments);
    let stored: ObjectRecord;
    try {
      stored = this.putObject(bucketName, object, conditions);
    } catch (error) {
      this.#blobs.release(object.segments);
      throw error;
    }
    this.#remember(bucket, stored);
    this.endUpload(bucketName, upload);
    return stored;
  }

  /** Ends an upload and drops the references of its parts. */
  endUpload(bucketName: string, upload: OpenUpload): void {
    this.#bucket(bucketName).uploads.delete(upload.uploadId);
    this.#files?.endUpload(bucketName, upload.uploadId);
    for (const part of upload.parts.values()) this.#blobs.release(part.segments);
  }

  #release(record: VersionRecord | undefined): void {
    if (record !== undefined && !("isDeleteMarker" in record)) this.#blobs.release(record.segments);
  }

  #bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      throw new S3Error("NoSuchBucket", "The specified bucket does not exist", { BucketName: name });
    }
    return bucket;
  }

  #upload(bucket: string, key: string, uploadId: string): MutableUpload {
    const upload = this.#bucket(bucket).uploads.get(uploadId);
    if (upload?.key !== key) {
      throw new S3Error(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        { UploadId: uploadId },
      );
    }
    return upload;
  }

  #addBucket(name: string, options: BucketPlace): Bucket {
    const bucket = makeBucket(name, options);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  #remember(bucket: Bucket, object: ObjectRecord): void {
    if (object.completed === undefined) return;
    bucket.completions.set(object.completed.uploadId, object);
    const [oldest] = bucket.completions.keys();
    if (bucket.completions.size > COMPLETIONS_MAX && oldest !== undefined) bucket.completions.delete(oldest);
  }
}
