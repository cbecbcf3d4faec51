import { sizeMismatch } from "../../../domain/repository-refusals.ts";
import type { AssembledObject, DurablePart, Upload, UploadFailure } from "../../../domain/uploads/upload.ts";
import type {
  AssembleOptions,
  CommitOptions,
  CommitOutcome,
  CommitWish,
  FinishOptions,
  UploadCommits,
} from "../../../domain/uploads/upload-commits.ts";
import { isBeyondSize, isCommitting, type StoredUpload, type StoredUploads } from "./stored-uploads.ts";

/** The commits of uploads in memory. */
export class FakeUploadCommits implements UploadCommits {
  readonly #stored: StoredUploads;

  constructor(stored: StoredUploads) {
    this.#stored = stored;
  }

  async seal(uploadId: string, sizeBytes: number, options: FinishOptions = {}): Promise<void> {
    const { parts, upload } = this.#stored.require(uploadId, ["open"], options.epoch);
    seal(upload, sizeBytes, options);
    for (const number of [...parts.keys()]) if (isBeyondSize(upload, number)) parts.delete(number);
  }

  async beginCompletion(
    uploadId: string,
    options: FinishOptions & { crc32: number; ifGenerationMatch?: number | undefined },
  ): Promise<Upload> {
    const stored = this.#stored.require(uploadId, ["open", "completing"], options.epoch);
    if (stored.upload.state === "open") {
      stored.upload.ifGenerationMatch = options.ifGenerationMatch ?? stored.upload.ifGenerationMatch;
      stored.upload.expectedSha256 = options.expectedSha256 ?? stored.upload.expectedSha256;
      stored.upload.crc32 = options.crc32;
      stored.commitWantedMs = this.#stored.now();
      this.#stored.enter(stored, "completing");
    }
    return this.#stored.toUpload(stored);
  }

  async reopen(uploadId: string, lost: readonly Pick<DurablePart, "partNumber" | "etag">[]): Promise<void> {
    const stored = this.#stored.require(uploadId, ["completing", "open"]);
    const gone = lost.filter(({ partNumber, etag }) => stored.parts.get(partNumber)?.durable?.etag === etag);
    if (stored.upload.state === "open" || (lost.length > 0 && gone.length === 0)) return;
    for (const { partNumber } of gone) stored.parts.delete(partNumber);
    stored.missingMs = undefined;
    stored.commitWantedMs = undefined;
    stored.upload.crc32 = undefined;
    this.#stored.enter(stored, "open");
  }

  async noteMissing(uploadId: string, { lostAfterMs }: { lostAfterMs: number }): Promise<boolean> {
    const stored = this.#stored.uploads.get(uploadId);
    if (stored?.upload.state !== "completing") return false;
    stored.missingMs ??= this.#stored.now();
    if (stored.missingMs > this.#stored.now() - lostAfterMs) return false;
    this.#stored.enter(stored, "aborted");
    return true;
  }

  async assemble(uploadId: string, object: AssembledObject, options: AssembleOptions = {}): Promise<Upload> {
    const stored = this.#stored.require(uploadId, ["completing", "open", "assembled", "committed"], options.epoch);
    if (stored.upload.state === "open" || stored.upload.state === "completing") this.#assemble(stored, object, options);
    return this.#stored.toUpload(stored);
  }

  async noteCommit(uploadId: string, wish: CommitWish): Promise<void> {
    const stored = this.#stored.require(uploadId, ["assembled", "completing", "committed"]);
    const { upload } = stored;
    if (upload.state === "committed") return;
    stored.commitWantedMs = wish.isWanted || upload.state === "completing" ? this.#stored.now() : undefined;
    upload.failure = undefined;
    upload.ifGenerationMatch = wish.ifGenerationMatch ?? upload.ifGenerationMatch;
    upload.expectedSha256 = wish.expectedSha256 ?? upload.expectedSha256;
  }

  async setSha256(uploadId: string, sha256: Uint8Array): Promise<void> {
    const { upload } = this.#stored.require(uploadId, ["assembled", "committed"]);
    if (upload.state === "assembled" && upload.object !== undefined) upload.object.sha256 = structuredClone(sha256);
  }

  async commit(uploadId: string, options: CommitOptions): Promise<CommitOutcome> {
    const ready = ["assembled", "committed"] as const;
    const states = options.object === undefined ? ready : (["assembled", "open", "committed"] as const);
    const stored = this.#stored.require(uploadId, states, options.epoch);
    const { upload } = stored;
    if (upload.state === "committed") return { kind: "committed", upload: this.#stored.toUpload(stored) };
    if (upload.state === "open" && options.object !== undefined) this.#assemble(stored, options.object);
    upload.ifGenerationMatch = options.ifGenerationMatch ?? upload.ifGenerationMatch;
    stored.commitWantedMs = undefined;
    upload.failure = undefined;
    const currentGeneration = this.#stored.files.liveGeneration(upload.namespace, upload.path);
    if (upload.ifGenerationMatch !== undefined && upload.ifGenerationMatch !== currentGeneration) {
      return { kind: "generation-mismatch", upload: this.#stored.toUpload(stored), currentGeneration };
    }
    if (upload.object === undefined) throw new Error(`assembled upload ${uploadId} has no object`);
    const { namespace, path, contentType, metadata, labels, dataSubject, bucket, region, object } = upload;
    const { key: s3Key, versionId: s3VersionId, etag: s3Etag, ...content } = object;
    const file = {
      fileId: options.fileId,
      namespace,
      path,
      contentType,
      metadata,
      labels,
      dataSubject,
      bucket,
      region,
    };
    this.#stored.files.add({ ...file, ...content, s3Key, s3VersionId, s3Etag }, options);
    stored.fileId = options.fileId;
    this.#stored.enter(stored, "committed");
    return { kind: "committed", upload: this.#stored.toUpload(stored) };
  }

  async noteFailure(uploadId: string, failure: UploadFailure): Promise<void> {
    const upload = this.#stored.uploads.get(uploadId)?.upload;
    if (upload !== undefined && isCommitting(upload.state)) upload.failure = { ...failure };
  }

  #assemble(stored: StoredUpload, object: AssembledObject, options: AssembleOptions = {}): void {
    const { upload } = stored;
    seal(upload, object.sizeBytes, options);
    upload.ifGenerationMatch = options.ifGenerationMatch ?? upload.ifGenerationMatch;
    const isWanted = options.isCommitWanted === true || upload.state === "completing";
    stored.commitWantedMs = isWanted ? this.#stored.now() : undefined;
    stored.upload.object = structuredClone(object);
    stored.upload.crc32 = object.crc32;
    this.#stored.enter(stored, "assembled");
  }
}

/** Sets the size and the expected SHA-256; SIZE_MISMATCH. */
function seal(upload: Upload, sizeBytes: number, { expectedSha256 }: FinishOptions): void {
  upload.sizeBytes ??= sizeBytes;
  if (upload.sizeBytes !== sizeBytes) throw sizeMismatch(upload.uploadId, sizeBytes, upload.sizeBytes);
  upload.expectedSha256 = expectedSha256 ?? upload.expectedSha256;
}
