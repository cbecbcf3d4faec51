import type { Readable } from "node:stream";
import type { HeldBytes } from "./memory/held-bytes.ts";
import type { DurablePart } from "./uploads/upload.ts";

/** An object as S3 tells it. */
export interface ObjectHead {
  sizeBytes: number;
  etag: string;
  versionId: string;
  /** Whole-object CRC32; undefined where S3 keeps none. */
  crc32: number | undefined;
}

/** The multipart upload and the number that a part is sent to. */
export interface PartTarget {
  bucket: string;
  key: string;
  multipartId: string;
  partNumber: number;
  /** Principal of the upload: requests that wait for their turn take it by principals. */
  principal?: string;
}

/** A part as S3 lists it. */
export interface StoredPart {
  partNumber: number;
  sizeBytes: number;
  etag: string;
  /** Undefined where S3 keeps none. */
  crc32: number | undefined;
}

/** A multipart upload that was neither completed nor aborted. */
export interface PendingMultipart {
  key: string;
  multipartId: string;
  /** By S3's clock. */
  initiated: Date;
}

/** One version of a key, bytes or a mark of deletion. */
export interface ObjectVersion {
  key: string;
  /** "null": stored while the bucket kept no versions. */
  versionId: string;
  /** Of the bytes; 0 of a mark. */
  sizeBytes: number;
  /** By S3's clock. */
  lastModified: Date;
  isDeleteMarker: boolean;
}

/** Which page of a listing. */
export interface PageOptions {
  keyPrefix: string;
  /** The `next` of the page before; the first page when left out. */
  after?: string | undefined;
  /** Entries at most, from 1 to 1,000. */
  pageMax: number;
}

/** A request that whoever holds it may send. */
export interface PresignedRequest {
  url: string;
  /** Headers that were signed, lower case, and are to be sent as they are. */
  headers: Readonly<Record<string, string>>;
}

/** Where a one-part file goes. */
export interface PutTarget {
  bucket: string;
  /** Called before each attempt's bytes go, awaited; gives the attempt's fresh key. Its rejection ends the put. */
  beginAttempt: () => Promise<string>;
  contentType: string;
  /** As of a part. */
  principal?: string;
}

/** An object to be copied; `versionId` is empty where the bucket keeps no versions. */
export interface CopySource {
  bucket: string;
  key: string;
  versionId: string;
}

/** What S3 acknowledged. */
export interface BodyAck {
  /** Key it was written to: the winning attempt's for a put. */
  key: string;
  etag: string;
  versionId: string;
}

/**
 * The body of one S3 request while its bytes arrive. It is replayable, where nothing else is said: bytes are sent on at once
 * and kept, by reference, until S3 acknowledges them, so that a failed request is sent again without its caller noticing. A
 * body is no stream: it never refuses bytes, and the caller bounds what it pushes by the memory budget.
 */
export interface BodyInFlight {
  /** The next bytes, kept by reference: the caller must not change them. Throws (a bug) past the length. */
  write(bytes: Uint8Array): void;
  /** All bytes are written; `crc32` is theirs, and S3 checks it. A shorter body than announced is sent again whole. */
  end(crc32: number): void;
  /** Gives up; `done` rejects with `reason` once the request has settled. Safe to call at any time, repeatedly. */
  abort(reason: Error): void;
  /**
   * Settles when S3 acknowledged the body or the retries ran out, never while a request is still in flight. An
   * acknowledgement is that S3 states the CRC32 of these bytes; a success without it is none. Rejects with
   * `unavailable / STORAGE_UNAVAILABLE`, `aborted / CHECKSUM_MISMATCH` (S3 saw, or has, other bytes than `crc32` says),
   * `aborted / UPLOAD_LOST` (the multipart upload is gone), `unimplemented / STORAGE_UNABLE` (S3 states no CRC32, or stores
   * more than the bytes), or the reason given to `abort`.
   */
  readonly done: Promise<BodyAck>;
  /**
   * The bytes kept so far, in order. Once `done` has resolved: bytes that nobody else refers to any more, which the owner of the body
   * gives back; none where that is not certain.
   */
  readonly kept: HeldBytes;
}

/**
 * The body of a part that is too large to be kept: bytes are sent on as they come, and not referred to once they have left.
 * So it is sent only once: `done` rejects with the first failure, and the caller has to send the part again. Beside the
 * reasons of BodyInFlight that is `aborted / STALLED`, when bytes stay out for longer than S3 waits. It gives bytes back as
 * they leave; `kept` has none until `done` has resolved, and then those that have not been given back.
 */
export interface OneShotBodyInFlight extends BodyInFlight {
  /** All bytes of the announced length are written. Throws (a bug) when they are not. */
  end(crc32: number): void;
  /** Sends on what is gathered for the sake of fewer writes, so that all that was written leaves in the end. */
  flush(): void;
}

/**
 * Tells the writer of a one-shot body how many of its bytes have left in all; not called any more once `done` has settled. A
 * writer that writes no more than a window beyond them bounds the body's memory by it.
 */
export type OnLeft = (leftBytes: number) => void;

/**
 * What the service needs from S3, at any bucket: each request goes to the region of its bucket, and a copy to that of its
 * target. A bucket that fails keeps no other bucket from working. SSE-S3 is requested on every write. Errors as in BodyInFlight
 * unless said otherwise.
 */
export interface ObjectStore {
  /** Begins a multipart upload with FULL_OBJECT CRC32; returns its id. */
  createMultipart(bucket: string, key: string, options: { contentType: string; signal?: AbortSignal }): Promise<string>;

  /** Begins to send a part of `lengthBytes`. */
  beginPart(target: PartTarget, lengthBytes: number): BodyInFlight;

  /** Begins to send a part of `lengthBytes`, once and without keeping it. */
  beginOneShotPart(target: PartTarget, lengthBytes: number, onLeft: OnLeft): OneShotBodyInFlight;

  /** Begins to send a one-part file of `lengthBytes` (0 or more). */
  beginPut(target: PutTarget, lengthBytes: number): BodyInFlight;

  /**
   * Completes a multipart upload, retried until its outcome is certain. Resolves to what S3 made of it.
   * `NoSuchUpload` is success when HEAD then shows an object of this size and checksum. While it shows none S3 may still
   * be assembling: `unavailable / STORAGE_UNAVAILABLE`, as for every outcome that is not certain when the retries end.
   * `InvalidPart`: `aborted / CHECKSUM_MISMATCH` with nothing changed; compare with `listParts`. `aborted / STORAGE_UNABLE`,
   * with nothing changed, when a part before the last is smaller than storage takes. `unimplemented /
   * STORAGE_UNABLE` when S3 states no CRC32 of the object that it made: complete it again once that is mended.
   */
  completeMultipart(
    target: Omit<PartTarget, "partNumber">,
    manifest: { parts: readonly DurablePart[]; crc32: number; sizeBytes: number },
    options?: { signal?: AbortSignal },
  ): Promise<ObjectHead>;

  /** Aborts until `ListParts` says `NoSuchUpload` (parts in flight may land after an abort). Gone already is fine. */
  abortMultipart(target: Omit<PartTarget, "partNumber">, options?: { signal?: AbortSignal }): Promise<void>;

  /** The parts that S3 has, ascending; undefined when the multipart upload does not exist. */
  listParts(target: Omit<PartTarget, "partNumber">): Promise<StoredPart[] | undefined>;

  /**
   * Signs a URL that takes the bytes of one part by PUT, and only of this length and CRC32: both are signed as headers, which
   * the caller of the URL has to send. Never logged whole. `lifetimeMs` as of `presignDownload`.
   */
  presignPart(
    target: PartTarget,
    options: { lengthBytes: number; crc32: number; lifetimeMs: number },
  ): Promise<PresignedRequest>;

  /** A page of the multipart uploads under a key prefix, by key. `next` is undefined after the last one. */
  listMultiparts(
    bucket: string,
    options: PageOptions,
  ): Promise<{ multiparts: PendingMultipart[]; next: string | undefined }>;

  /**
   * A page of all versions of all objects under a key prefix, marks of deletion among them, in the order of the keys' UTF-8 bytes. The
   * first page begins behind all versions of `afterKey`, where it is given.
   */
  listVersions(
    bucket: string,
    options: PageOptions & { afterKey?: string | undefined },
  ): Promise<{ versions: ObjectVersion[]; next: string | undefined }>;

  /**
   * Copies an object of at most 5 GiB within storage, whole. `aborted / CHECKSUM_MISMATCH` when the copy has not this size and
   * CRC32; FILE_NOT_FOUND (data_loss) when there is no source; what `beginAttempt` rejects with.
   */
  copyObject(source: CopySource, target: PutTarget, content: { sizeBytes: number; crc32: number }): Promise<BodyAck>;

  /**
   * Copies a range of an object, at most 5 GiB, within storage into a part; resolves to what the part is there. UPLOAD_LOST;
   * FILE_NOT_FOUND (data_loss) when there is no source.
   */
  copyPart(
    source: CopySource,
    target: PartTarget,
    range: { offset: number; sizeBytes: number },
  ): Promise<{ etag: string; crc32: number }>;

  /** The object, or undefined when there is none. */
  head(bucket: string, key: string, options?: { versionId?: string }): Promise<ObjectHead | undefined>;

  /** The object's bytes, or a range. The caller consumes or destroys the stream. FILE_NOT_FOUND (data_loss) when S3 has none. */
  read(
    bucket: string,
    key: string,
    options: { versionId?: string; range?: { offset: number; sizeBytes: number }; signal?: AbortSignal },
  ): Promise<Readable>;

  /**
   * Deletes an object (a version of it, if given). None there is fine. Without a version a bucket that keeps versions keeps
   * the bytes.
   */
  delete(bucket: string, key: string, options?: { versionId?: string }): Promise<void>;

  /** Deletes every version of a key for good, marks of deletion among them, and of no other key. None there is fine. */
  deleteVersions(bucket: string, key: string): Promise<void>;

  /**
   * Puts an object (the version of it, if given) under a legal hold of S3 Object Lock, or takes it away; repeating it is fine.
   * Resolves to whether storage does as asked: false where the bucket has no Object Lock, or the server knows none.
   * FILE_NOT_FOUND (data_loss) when S3 has no such object. Storage deletes no version under a hold, whoever asks.
   */
  setLegalHold(bucket: string, key: string, options: { versionId?: string; isHeld: boolean }): Promise<boolean>;

  /**
   * Signs a GET URL. Never logged whole. `lifetimeMs` is whole seconds from 1 to 7 days; RangeError (a bug) otherwise. It counts
   * from a whole second of storage's clock, which judges it, whatever this host's clock says.
   */
  presignDownload(
    bucket: string,
    key: string,
    options: { versionId?: string; lifetimeMs: number; contentType: string; contentDisposition: string },
  ): Promise<string>;

  /**
   * Resolves when the bucket answers, for readiness, also when it answers that it lies in another region; rejects
   * `unavailable / STORAGE_UNAVAILABLE`. It asks once. Rejects with the reason of `signal` when that aborts.
   */
  checkBucket(bucket: string, options?: { signal?: AbortSignal }): Promise<void>;

  /** The region that the bucket lies in; undefined where storage does not say. Rejects `unavailable / STORAGE_UNAVAILABLE`. */
  readBucketRegion(bucket: string): Promise<string | undefined>;
}
