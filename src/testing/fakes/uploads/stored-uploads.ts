import { uploadNotFound, uploadNotOpen, writerFenced } from "../../../domain/repository-refusals.ts";
import type { DurablePart, Upload, UploadState } from "../../../domain/uploads/upload.ts";
import type { PresignedPart } from "../../../domain/uploads/upload-writers.ts";
import type { WriterRange } from "../../../domain/uploads/writer-range.ts";
import type { FakeFileRepository, FakeRepositoryOptions } from "../fake-file-repository.ts";
import { FakeRequests } from "../fake-requests.ts";

/** An upload with everything that the database knows of it. */
export interface StoredUpload {
  upload: Upload;
  fileId: string | undefined;
  parts: Map<number, { epoch: number; durable: DurablePart | undefined; presigned?: PresignedPart }>;
  /** By epoch; writers that a newer one has fenced are not here. */
  writers: Map<number, { range: WriterRange; receivedBytes: number }>;
  expireCapMs: number;
  /** When the last presigned URL expires. */
  urlExpireMs: number | undefined;
  /** When the state changed last, and the order of such changes within a millisecond. */
  stateMs: number;
  stateOrder: number;
  /** When storage was first seen to have neither the multipart upload nor its object. */
  missingMs: number | undefined;
  /** When its commit was last wanted. */
  commitWantedMs: number | undefined;
  isCleaned: boolean;
}

/** Options of the uploads in memory. */
export interface FakeUploadOptions extends FakeRepositoryOptions {
  /** Names of the namespaces that exist; only "default" when left out. */
  namespaces?: readonly string[];
}

/** The uploads in memory that the fakes of all ports share. */
export class StoredUploads {
  readonly uploads = new Map<string, StoredUpload>();
  readonly requests = new FakeRequests();
  readonly files: FakeFileRepository;
  readonly namespaces: ReadonlySet<string>;
  readonly now: () => number;
  #changes = 0;

  constructor(files: FakeFileRepository, options: FakeUploadOptions = {}) {
    this.files = files;
    this.namespaces = new Set(options.namespaces ?? ["default"]);
    this.now = options.now ?? Date.now;
  }

  /** The next number in the order of changes. */
  countChange(): number {
    return this.#changes++;
  }

  /** One upload; `not_found / UPLOAD_NOT_FOUND`. */
  find(uploadId: string, namespace?: string): StoredUpload {
    const stored = this.uploads.get(uploadId);
    const isElsewhere = namespace !== undefined && stored?.upload.namespace !== namespace;
    if (stored === undefined || isElsewhere) throw uploadNotFound(uploadId);
    return stored;
  }

  /** One upload in one of these states, whose writer `epoch` is not fenced; WRITER_FENCED, UPLOAD_NOT_OPEN. */
  require(uploadId: string, states: readonly UploadState[], epoch?: number | undefined): StoredUpload {
    const stored = this.find(uploadId);
    const { upload, writers } = stored;
    if (epoch !== undefined && !writers.has(epoch)) throw writerFenced(uploadId, epoch, upload.epoch);
    if (!states.includes(upload.state)) throw uploadNotOpen(uploadId, upload.state, states[0]);
    return stored;
  }

  /** Gives an upload another state. */
  enter(stored: StoredUpload, state: UploadState): void {
    stored.upload.state = state;
    if (state !== "aborted") stored.upload.failure = undefined;
    stored.stateMs = this.now();
    stored.stateOrder = this.countChange();
  }

  /** Moves the expiry on, up to the cap. */
  slide(stored: StoredUpload, expireAfterMs: number): void {
    const nextMs = Math.min(this.now() + expireAfterMs, stored.expireCapMs);
    if (nextMs > stored.upload.expireTime.getTime()) stored.upload.expireTime = new Date(nextMs);
  }

  /** A copy for the caller, with the file; what a purge has removed of the file is removed of the upload, too. */
  toUpload(stored: StoredUpload): Upload {
    const { upload, fileId } = stored;
    const file = fileId === undefined ? undefined : this.files.find(fileId);
    if (file?.purgeState === "purged" && upload.object !== undefined) {
      const { contentType, metadata, labels, dataSubject, crc32, s3Etag: etag, sha256 } = file;
      const forgotten = { expectedCrc32: undefined, expectedSha256: undefined, crc32 };
      Object.assign(upload, { contentType, metadata, labels, dataSubject, ...forgotten });
      Object.assign(upload.object, { crc32, etag, sha256 });
      stored.parts.clear();
    }
    return { ...structuredClone(upload), file };
  }
}

/** The durable parts, ascending. */
export function toDurable({ parts }: Pick<StoredUpload, "parts">): DurablePart[] {
  const durable = [...parts.values()].flatMap((part) => (part.durable === undefined ? [] : [{ ...part.durable }]));
  return durable.sort((a, b) => a.partNumber - b.partNumber);
}

/** Whether a commit has begun that is not made yet. */
export function isCommitting(state: UploadState): boolean {
  return state === "completing" || state === "assembled";
}

/** Whether an upload was given up or expired. */
export function isDead(state: UploadState): boolean {
  return state === "aborted" || state === "expired";
}

/** Whether a part begins beyond the size, where that is known. */
export function isBeyondSize({ sizeBytes, partSizeBytes }: Upload, partNumber: number): boolean {
  return sizeBytes !== undefined && (partNumber - 1) * partSizeBytes >= sizeBytes;
}
