import type { CommandIdentity } from "../../../domain/command-identity.ts";
import {
  generationMismatch,
  namespaceNotFound,
  uploadNotOpen,
  uploadTokenExpired,
  uploadTokenUsedUp,
} from "../../../domain/repository-refusals.ts";
import { toDurableState } from "../../../domain/uploads/durable-state.ts";
import { isOnePart } from "../../../domain/uploads/part-plan.ts";
import { totalBytes, type Upload } from "../../../domain/uploads/upload.ts";
import type {
  NewUpload,
  UploadCatalogue,
  UploadRecord,
  UploadStatus,
} from "../../../domain/uploads/upload-catalogue.ts";
import { partsWithin, WHOLE_FILE } from "../../../domain/uploads/writer-range.ts";
import { toOutstanding } from "./fake-upload-writers.ts";
import { isCommitting, type StoredUpload, type StoredUploads, toDurable } from "./stored-uploads.ts";

/** The catalogue of uploads in memory. */
export class FakeUploadCatalogue implements UploadCatalogue {
  readonly #stored: StoredUploads;
  readonly #tokens = new Map<string, { uploads: number; expireTime: Date }>();

  constructor(stored: StoredUploads) {
    this.#stored = stored;
  }

  async create(input: NewUpload, identity: CommandIdentity): Promise<{ upload: Upload; created: boolean }> {
    const earlier = this.#findCreated(identity);
    if (earlier !== undefined) return { upload: earlier, created: false };
    const current = this.#stored.files.liveGeneration(input.namespace, input.path);
    const wanted = input.ifGenerationMatch;
    if (wanted !== undefined && wanted !== current) throw generationMismatch(input.path, wanted, current);
    if (!this.#stored.namespaces.has(input.namespace)) throw namespaceNotFound(input.namespace);
    const { expireAfterMs, expireCapMs, uploadToken, firstWriter, ...declared } = structuredClone(input);
    const now = this.#stored.now();
    if (uploadToken !== undefined) this.#countUse(uploadToken, now);
    const stored: StoredUpload = {
      upload: {
        ...declared,
        state: "open",
        multipartId: undefined,
        putAttempt: firstWriter !== undefined && isOnePart(input) ? 1 : 0,
        epoch: firstWriter === undefined ? 0 : 1,
        crc32: undefined,
        object: undefined,
        file: undefined,
        failure: undefined,
        createTime: new Date(now),
        expireTime: new Date(now + Math.min(expireAfterMs, expireCapMs)),
      },
      fileId: undefined,
      parts: new Map(),
      writers: new Map(firstWriter === undefined ? [] : [[1, { range: WHOLE_FILE, receivedBytes: 0 }]]),
      expireCapMs: now + expireCapMs,
      urlExpireMs: undefined,
      stateMs: now,
      stateOrder: this.#stored.countChange(),
      missingMs: undefined,
      commitWantedMs: undefined,
      isCleaned: false,
    };
    this.#stored.uploads.set(input.uploadId, stored);
    this.#stored.requests.add(identity, input.uploadId);
    return { upload: this.#stored.toUpload(stored), created: true };
  }

  async findCreated(identity: CommandIdentity): Promise<Upload | undefined> {
    return this.#findCreated(identity);
  }

  async noteRequest(identity: CommandIdentity, uploadId: string): Promise<void> {
    if (this.#stored.requests.find(identity) !== undefined) return;
    this.#stored.find(uploadId, identity.namespace);
    this.#stored.requests.add(identity, uploadId);
  }

  async get(namespace: string, uploadId: string): Promise<UploadRecord> {
    const stored = this.#stored.find(uploadId, namespace);
    const isOpen = stored.upload.state === "open";
    const outstanding = isOpen ? toOutstanding(stored).filter(({ epoch }) => stored.writers.has(epoch)) : [];
    return {
      upload: this.#stored.toUpload(stored),
      parts: toDurable(stored),
      receivedBytes: toReceived(stored),
      outstanding,
    };
  }

  async listStatus(uploadIds: readonly string[]): Promise<UploadStatus[]> {
    const found = [...new Set(uploadIds)].flatMap((id) => this.#stored.uploads.get(id) ?? []);
    return found.map((stored) => {
      const upload = this.#stored.toUpload(stored);
      const { uploadId, namespace, path, state, sizeBytes, file } = upload;
      const durableBytes = toDurableState(upload, toDurable(stored)).sizeBytes;
      const receivedBytes = Math.max(toReceived(stored), durableBytes);
      return { uploadId, namespace, path, state, sizeBytes, receivedBytes, durableBytes, file };
    });
  }

  async abort(namespace: string, uploadId: string): Promise<Upload> {
    const stored = this.#stored.find(uploadId, namespace);
    const { state, failure } = stored.upload;
    if (state === "open" || (isCommitting(state) && failure !== undefined)) this.#stored.enter(stored, "aborted");
    if (stored.upload.state !== "aborted") throw uploadNotOpen(uploadId, stored.upload.state);
    return this.#stored.toUpload(stored);
  }

  async enterToken({ namespace }: { namespace: string }, { lifetimeMs }: { lifetimeMs: number }): Promise<Date> {
    if (!this.#stored.namespaces.has(namespace)) throw namespaceNotFound(namespace);
    return new Date(this.#stored.now() + lifetimeMs);
  }

  async forgetTokens({ olderThanMs, limit }: { olderThanMs: number; limit: number }): Promise<number> {
    const before = this.#stored.now() - olderThanMs;
    const old = [...this.#tokens].filter(([, { expireTime }]) => expireTime.getTime() < before).slice(0, limit);
    for (const [tokenId] of old) this.#tokens.delete(tokenId);
    return old.length;
  }

  #countUse({ tokenId, uploadsMax, expireTime }: NonNullable<NewUpload["uploadToken"]>, now: number): void {
    if (expireTime.getTime() <= now) throw uploadTokenExpired(expireTime);
    const { uploads } = this.#tokens.get(tokenId) ?? { uploads: 0 };
    if (uploads >= uploadsMax) throw uploadTokenUsedUp(uploadsMax);
    this.#tokens.set(tokenId, { uploads: uploads + 1, expireTime });
  }

  #findCreated(identity: CommandIdentity): Upload | undefined {
    const uploadId = this.#stored.requests.find(identity);
    return uploadId === undefined ? undefined : this.#stored.toUpload(this.#stored.find(uploadId));
  }
}

function toReceived({ upload, parts, writers }: StoredUpload): number {
  if (upload.object !== undefined) return upload.object.sizeBytes;
  const durable = toDurable({ parts });
  const pending = [...writers.values()].map(({ range, receivedBytes }) =>
    Math.max(0, receivedBytes - totalBytes(partsWithin(durable, range, upload.partSizeBytes))),
  );
  return pending.reduce((sum, bytes) => sum + bytes, totalBytes(durable));
}
