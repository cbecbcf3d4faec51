import type { CommandIdentity } from "../../domain/command-identity.ts";
import {
  generationMismatch,
  namespaceNotFound,
  partAlreadyDurable,
  partBeyondSize,
  sizeMismatch,
  uploadNotFound,
  uploadNotOpen,
  urlOutlivesUpload,
  writerFenced,
} from "../../domain/repository-refusals.ts";
import type {
  AssembleOptions,
  CommitOptions,
  CommitOutcome,
  CommitWish,
  FinishOptions,
} from "../../domain/uploads/commit-options.ts";
import { toDurableState } from "../../domain/uploads/durable-state.ts";
import type { OrphanTerms, OrphanVerdict } from "../../domain/uploads/orphan-verdict.ts";
import { assertSignable, assertUnaryPart } from "../../domain/uploads/part-plan.ts";
import {
  type AssembledObject,
  type DurablePart,
  totalBytes,
  type Upload,
  type UploadFailure,
  type UploadState,
} from "../../domain/uploads/upload.ts";
import type {
  GrantedPart,
  GrantedWriter,
  NewUpload,
  PresignedPart,
  ReceivedNote,
  UploadRepository,
  UploadStatus,
  WriterOptions,
} from "../../domain/uploads/upload-repository.ts";
import type { UploadPage, UploadPaging } from "../../domain/uploads/upload-sweep.ts";
import { intersects, partsWithin, toWriterRange, type WriterRange } from "../../domain/uploads/writer-range.ts";
import type { FakeFileRepository, FakeRepositoryOptions } from "./fake-file-repository.ts";
import { FakeRequests } from "./fake-requests.ts";
import { takePage } from "./timed-page.ts";

interface StoredUpload {
  upload: Upload;
  fileId: string | undefined;
  parts: Map<number, { epoch: number; durable: DurablePart | undefined; presigned?: PresignedPart }>;
  /** By epoch, those that no newer one has fenced. */
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

/** Uploads in memory. Trusted because it passes the same contract suite as the one in PostgreSQL. */
export class FakeUploadRepository implements UploadRepository {
  readonly #uploads = new Map<string, StoredUpload>();
  readonly #requests = new FakeRequests();
  readonly #files: FakeFileRepository;
  readonly #namespaces: ReadonlySet<string>;
  readonly #now: () => number;
  #changes = 0;

  constructor(files: FakeFileRepository, options: FakeRepositoryOptions & { namespaces?: readonly string[] } = {}) {
    this.#files = files;
    this.#namespaces = new Set(options.namespaces ?? ["default"]);
    this.#now = options.now ?? Date.now;
  }

  async create(input: NewUpload, identity: CommandIdentity): Promise<{ upload: Upload; created: boolean }> {
    const earlier = this.#findCreated(identity);
    if (earlier !== undefined) return { upload: earlier, created: false };
    const current = this.#files.liveGeneration(input.namespace, input.path);
    const wanted = input.ifGenerationMatch;
    if (wanted !== undefined && wanted !== current) throw generationMismatch(input.path, wanted, current);
    if (!this.#namespaces.has(input.namespace)) throw namespaceNotFound(input.namespace);
    const { expireAfterMs, expireCapMs, ...declared } = structuredClone(input);
    const now = this.#now();
    const stored: StoredUpload = {
      upload: {
        ...declared,
        state: "open",
        multipartId: undefined,
        putAttempt: 0,
        epoch: 0,
        crc32: undefined,
        object: undefined,
        file: undefined,
        failure: undefined,
        createTime: new Date(now),
        expireTime: new Date(now + Math.min(expireAfterMs, expireCapMs)),
      },
      fileId: undefined,
      parts: new Map(),
      writers: new Map(),
      expireCapMs: now + expireCapMs,
      urlExpireMs: undefined,
      stateMs: now,
      stateOrder: this.#changes++,
      missingMs: undefined,
      commitWantedMs: undefined,
      isCleaned: false,
    };
    this.#uploads.set(input.uploadId, stored);
    this.#requests.add(identity, input.uploadId);
    return { upload: this.#toUpload(stored), created: true };
  }

  async findCreated(identity: CommandIdentity): Promise<Upload | undefined> {
    return this.#findCreated(identity);
  }

  async noteRequest(identity: CommandIdentity, target: { namespace: string; uploadId: string }): Promise<void> {
    if (this.#requests.find(identity) !== undefined) return;
    this.#find(target.uploadId, target.namespace);
    this.#requests.add(identity, target.uploadId);
  }

  async get(namespace: string, uploadId: string) {
    const stored = this.#find(uploadId, namespace);
    const isOpen = stored.upload.state === "open";
    const outstanding = isOpen ? toOutstanding(stored).filter(({ epoch }) => stored.writers.has(epoch)) : [];
    return { upload: this.#toUpload(stored), parts: toDurable(stored), receivedBytes: toReceived(stored), outstanding };
  }

  async listStatus(uploadIds: readonly string[]): Promise<UploadStatus[]> {
    const found = [...new Set(uploadIds)].flatMap((id) => this.#uploads.get(id) ?? []);
    return found.map((stored) => {
      const upload = this.#toUpload(stored);
      const { uploadId, namespace, path, state, sizeBytes, file } = upload;
      const durableBytes = toDurableState(upload, toDurable(stored)).sizeBytes;
      const receivedBytes = Math.max(toReceived(stored), durableBytes);
      return { uploadId, namespace, path, state, sizeBytes, receivedBytes, durableBytes, file };
    });
  }

  async beginWriter(namespace: string, uploadId: string, options: WriterOptions): Promise<GrantedWriter> {
    const stored = this.#find(uploadId, namespace);
    const range = toWriterRange(stored.upload, options.lane);
    const parts = toDurable(stored);
    if (stored.upload.state !== "open") {
      return { upload: this.#toUpload(stored), epoch: 0, range, parts, outstanding: [] };
    }
    const outstanding = partsWithin(toOutstanding(stored), range, stored.upload.partSizeBytes);
    return { ...this.#begin(stored, range, options.expireAfterMs), range, parts, outstanding };
  }

  async beginPart(
    namespace: string,
    uploadId: string,
    { partNumber, lengthBytes }: { partNumber: number; lengthBytes: number },
    options: Omit<WriterOptions, "lane">,
  ): Promise<GrantedPart> {
    const stored = this.#find(uploadId, namespace);
    const part = stored.parts.get(partNumber)?.durable;
    if (part !== undefined && !isDead(stored.upload.state)) {
      return { kind: "durable", upload: this.#toUpload(stored), part: { ...part } };
    }
    this.#require(uploadId, ["open"]);
    assertUnaryPart(stored.upload, { partNumber, lengthBytes });
    const start = (partNumber - 1) * stored.upload.partSizeBytes;
    const begun = this.#begin(stored, { start, end: start + lengthBytes }, options.expireAfterMs);
    await this.claimParts(uploadId, begun.epoch, { first: partNumber, count: 1 });
    return { kind: "begun", ...begun };
  }

  async claimPresigned(
    namespace: string,
    uploadId: string,
    parts: readonly Omit<PresignedPart, "epoch">[],
    { expireAfterMs, lifetimeMs }: Omit<WriterOptions, "lane"> & { lifetimeMs: number },
  ): Promise<{ upload: Upload; durable: DurablePart[]; signTime: Date }> {
    const stored = this.#find(uploadId, namespace);
    this.#require(uploadId, ["open"]);
    const durable = parts.flatMap(({ partNumber }) => stored.parts.get(partNumber)?.durable ?? []);
    const wanted = parts.filter(({ partNumber }) => stored.parts.get(partNumber)?.durable === undefined);
    assertSignable(stored.upload, wanted);
    const signMs = this.#now();
    const urlExpireMs = signMs + lifetimeMs;
    if (urlExpireMs > stored.expireCapMs) throw urlOutlivesUpload(uploadId, lifetimeMs);
    for (const { partNumber, lengthBytes, crc32 } of wanted) {
      const start = (partNumber - 1) * stored.upload.partSizeBytes;
      const { epoch } = this.#begin(stored, { start, end: start + lengthBytes }, expireAfterMs);
      const presigned = { partNumber, lengthBytes, crc32, epoch };
      stored.parts.set(partNumber, { epoch, durable: undefined, presigned });
    }
    this.#slide(stored, Math.max(expireAfterMs, lifetimeMs));
    stored.urlExpireMs = Math.max(stored.urlExpireMs ?? 0, urlExpireMs);
    const copies = durable.map((part) => ({ ...part }));
    return { upload: this.#toUpload(stored), durable: copies, signTime: new Date(signMs) };
  }

  async adoptParts(
    uploadId: string,
    parts: readonly (PresignedPart & { etag: string })[],
    { epoch }: { epoch?: number | undefined } = {},
  ): Promise<DurablePart[]> {
    const stored = this.#require(uploadId, ["open"], epoch);
    for (const { etag, ...part } of parts) {
      const known = stored.parts.get(part.partNumber);
      const isCurrent = epoch !== undefined || stored.writers.has(part.epoch);
      if (known?.durable !== undefined || known?.presigned?.epoch !== part.epoch || !isCurrent) continue;
      const { partNumber, lengthBytes, crc32 } = known.presigned;
      known.durable = { partNumber, lengthBytes, crc32, etag };
      stored.writers.delete(part.epoch);
    }
    const etags = new Map(parts.map(({ partNumber, etag }) => [partNumber, etag]));
    return toDurable(stored).filter(({ partNumber, etag }) => etags.get(partNumber) === etag);
  }

  async heartbeat(uploadId: string, epoch: number, options: { receivedBytes: number; expireAfterMs: number }) {
    const stored = this.#require(uploadId, ["open", "completing", "assembled", "committed"], epoch);
    await this.noteReceived([{ uploadId, epoch, receivedBytes: options.receivedBytes }]);
    if (stored.upload.state === "open" || stored.upload.state === "completing") {
      this.#slide(stored, options.expireAfterMs);
    }
  }

  async noteReceived(notes: readonly ReceivedNote[]): Promise<void> {
    for (const { uploadId, epoch, receivedBytes } of notes) {
      const writer = this.#uploads.get(uploadId)?.writers.get(epoch);
      if (writer !== undefined) writer.receivedBytes = Math.max(writer.receivedBytes, receivedBytes);
    }
  }

  async setMultipartId(uploadId: string, multipartId: string): Promise<string> {
    const { upload } = this.#require(uploadId, ["open"]);
    upload.multipartId ??= multipartId;
    return upload.multipartId;
  }

  async beginPutAttempt(uploadId: string, epoch: number): Promise<number> {
    return ++this.#require(uploadId, ["open"], epoch).upload.putAttempt;
  }

  async claimParts(uploadId: string, epoch: number, { first, count }: { first: number; count: number }) {
    const { parts, upload } = this.#require(uploadId, ["open"], epoch);
    assertWithinSize(upload, first);
    for (let number = first; number < first + count; number++) {
      if (isBeyondSize(upload, number)) break;
      if (parts.get(number)?.durable === undefined) parts.set(number, { epoch, durable: undefined });
    }
  }

  async recordParts(
    uploadId: string,
    epoch: number,
    parts: readonly DurablePart[],
    options: { isLast?: boolean } = {},
  ): Promise<void> {
    const isRecorded = ({ partNumber, etag }: DurablePart) =>
      this.#find(uploadId).parts.get(partNumber)?.durable?.etag === etag;
    if (options.isLast === true && parts.every(isRecorded)) return;
    if (parts.length === 0) return;
    const stored = this.#require(uploadId, ["open"], epoch);
    assertWithinSize(stored.upload, Math.max(...parts.map(({ partNumber }) => partNumber)));
    for (const part of parts) {
      const known = stored.parts.get(part.partNumber);
      if (known?.durable !== undefined) assertSameBytes(uploadId, known.durable, part);
      else if (known?.epoch === epoch) known.durable = { ...part };
      else throw new Error(`part ${part.partNumber} of upload ${uploadId} was recorded unclaimed`);
    }
    if (options.isLast === true) stored.writers.delete(epoch);
  }

  async seal(uploadId: string, sizeBytes: number, options: FinishOptions = {}): Promise<void> {
    const { parts, upload } = this.#require(uploadId, ["open"], options.epoch);
    seal(upload, sizeBytes, options);
    for (const number of [...parts.keys()]) if (isBeyondSize(upload, number)) parts.delete(number);
  }

  async beginCompletion(
    uploadId: string,
    options: { crc32: number; ifGenerationMatch?: number; expectedSha256?: Uint8Array; epoch?: number | undefined },
  ): Promise<Upload> {
    const stored = this.#require(uploadId, ["open", "completing"], options.epoch);
    if (stored.upload.state === "open") {
      stored.upload.ifGenerationMatch = options.ifGenerationMatch ?? stored.upload.ifGenerationMatch;
      stored.upload.expectedSha256 = options.expectedSha256 ?? stored.upload.expectedSha256;
      stored.upload.crc32 = options.crc32;
      stored.commitWantedMs = this.#now();
      this.#enter(stored, "completing");
    }
    return this.#toUpload(stored);
  }

  async reopen(uploadId: string, lost: readonly Pick<DurablePart, "partNumber" | "etag">[]): Promise<void> {
    const stored = this.#require(uploadId, ["completing", "open"]);
    const gone = lost.filter(({ partNumber, etag }) => stored.parts.get(partNumber)?.durable?.etag === etag);
    if (stored.upload.state === "open" || (lost.length > 0 && gone.length === 0)) return;
    for (const { partNumber } of gone) stored.parts.delete(partNumber);
    stored.missingMs = undefined;
    stored.commitWantedMs = undefined;
    stored.upload.crc32 = undefined;
    this.#enter(stored, "open");
  }

  async markLost(uploadId: string, epoch: number): Promise<void> {
    const stored = this.#require(uploadId, ["open", "aborted"], epoch);
    if (stored.upload.state !== "aborted") this.#enter(stored, "aborted");
  }

  async noteMissing(uploadId: string, { lostAfterMs }: { lostAfterMs: number }): Promise<boolean> {
    const stored = this.#uploads.get(uploadId);
    if (stored?.upload.state !== "completing") return false;
    stored.missingMs ??= this.#now();
    if (stored.missingMs > this.#now() - lostAfterMs) return false;
    this.#enter(stored, "aborted");
    return true;
  }

  async assemble(uploadId: string, object: AssembledObject, options: AssembleOptions = {}): Promise<Upload> {
    const stored = this.#require(uploadId, ["completing", "open", "assembled", "committed"], options.epoch);
    if (stored.upload.state === "open" || stored.upload.state === "completing") this.#assemble(stored, object, options);
    return this.#toUpload(stored);
  }

  async noteCommit(uploadId: string, wish: CommitWish): Promise<void> {
    const stored = this.#require(uploadId, ["assembled", "completing", "committed"]);
    const { upload } = stored;
    if (upload.state === "committed") return;
    stored.commitWantedMs = wish.isWanted || upload.state === "completing" ? this.#now() : undefined;
    upload.failure = undefined;
    upload.ifGenerationMatch = wish.ifGenerationMatch ?? upload.ifGenerationMatch;
    upload.expectedSha256 = wish.expectedSha256 ?? upload.expectedSha256;
  }

  async noteFailure(uploadId: string, failure: UploadFailure): Promise<void> {
    const upload = this.#uploads.get(uploadId)?.upload;
    if (upload !== undefined && isCommitting(upload.state)) upload.failure = { ...failure };
  }

  async setSha256(uploadId: string, sha256: Uint8Array): Promise<void> {
    const { upload } = this.#require(uploadId, ["assembled", "committed"]);
    if (upload.state === "assembled" && upload.object !== undefined) upload.object.sha256 = structuredClone(sha256);
  }

  async commit(uploadId: string, options: CommitOptions): Promise<CommitOutcome> {
    const ready = ["assembled", "committed"] as const;
    const states = options.object === undefined ? ready : (["assembled", "open", "committed"] as const);
    const stored = this.#require(uploadId, states, options.epoch);
    const { upload } = stored;
    if (upload.state === "committed") return { kind: "committed", upload: this.#toUpload(stored) };
    if (upload.state === "open" && options.object !== undefined) this.#assemble(stored, options.object);
    upload.ifGenerationMatch = options.ifGenerationMatch ?? upload.ifGenerationMatch;
    stored.commitWantedMs = undefined;
    upload.failure = undefined;
    const currentGeneration = this.#files.liveGeneration(upload.namespace, upload.path);
    if (upload.ifGenerationMatch !== undefined && upload.ifGenerationMatch !== currentGeneration) {
      return { kind: "generation-mismatch", upload: this.#toUpload(stored), currentGeneration };
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
    this.#files.add({ ...file, ...content, s3Key, s3VersionId, s3Etag }, options);
    stored.fileId = options.fileId;
    this.#enter(stored, "committed");
    return { kind: "committed", upload: this.#toUpload(stored) };
  }

  async abort(namespace: string, uploadId: string): Promise<Upload> {
    const stored = this.#find(uploadId, namespace);
    const { state, failure } = stored.upload;
    if (state === "open" || (isCommitting(state) && failure !== undefined)) this.#enter(stored, "aborted");
    if (stored.upload.state !== "aborted") throw uploadNotOpen(uploadId, stored.upload.state);
    return this.#toUpload(stored);
  }

  async expireDue(namespace: string, limit: number): Promise<Upload[]> {
    const due = [...this.#uploads.values()]
      .filter(({ upload }) => upload.namespace === namespace)
      .filter(({ upload, commitWantedMs }) => {
        const isIdle = upload.state === "open" || upload.state === "assembled";
        return isIdle && commitWantedMs === undefined && upload.failure === undefined;
      })
      .filter(({ upload }) => upload.expireTime.getTime() <= this.#now())
      .sort((a, b) => a.upload.expireTime.getTime() - b.upload.expireTime.getTime())
      .slice(0, limit);
    for (const stored of due) this.#enter(stored, "expired");
    return due.map((stored) => this.#toUpload(stored));
  }

  async listStuck(
    namespace: string,
    { olderThanMs, ...paging }: UploadPaging & { olderThanMs: number },
  ): Promise<UploadPage> {
    const latestMs = this.#now() - olderThanMs;
    const wanted = (stored: StoredUpload) => {
      const { upload, commitWantedMs } = stored;
      const isBegun = isCommitting(upload.state) && upload.failure === undefined;
      return isBegun && commitWantedMs !== undefined && commitWantedMs <= latestMs ? commitWantedMs : undefined;
    };
    return this.#listPage(namespace, paging, wanted);
  }

  async listUncleaned(namespace: string, paging: UploadPaging): Promise<UploadPage> {
    return this.#listPage(namespace, paging, (stored) =>
      !stored.isCleaned && this.#mayLeaveBytes(stored) ? stored.stateMs : undefined,
    );
  }

  async markCleaned(uploadId: string): Promise<void> {
    const stored = this.#uploads.get(uploadId);
    if (stored !== undefined && this.#mayLeaveBytes(stored)) stored.isCleaned = true;
  }

  async judgeMultiparts(
    bucket: string,
    multiparts: readonly { key: string; multipartId: string; initiated: Date }[],
    { namespace, olderThanMs }: OrphanTerms,
  ): Promise<OrphanVerdict[]> {
    return multiparts.map(({ key, multipartId, initiated }) => {
      const upload = this.#findByKey(bucket, key)?.upload;
      if (upload === undefined) return "foreign";
      if (upload.namespace !== namespace) return "kept";
      const isLive = !isDead(upload.state) && upload.state !== "committed";
      const isOurs = isLive && upload.multipartId === multipartId;
      return isOurs || initiated.getTime() > this.#now() - olderThanMs ? "kept" : "dead";
    });
  }

  async judgeKeys(
    bucket: string,
    keys: readonly string[],
    { namespace, olderThanMs }: OrphanTerms,
  ): Promise<OrphanVerdict[]> {
    return keys.map((key) => {
      if (this.#files.hasKey(bucket, key)) return "kept";
      const [, base, attempt] = /^(.*)\.([1-9]\d{0,8})$/.exec(key) ?? [undefined, key, undefined];
      const stored = this.#findByKey(bucket, base as string);
      if (stored === undefined) return "foreign";
      if (stored.upload.namespace !== namespace) return "kept";
      const { upload, stateMs, urlExpireMs = 0 } = stored;
      const isMade = attempt === undefined ? upload.crc32 !== undefined : Number(attempt) <= upload.putAttempt;
      if (!isMade && (attempt !== undefined || isDead(upload.state))) return "foreign";
      if (Math.max(stateMs, urlExpireMs) > this.#now() - olderThanMs) return "kept";
      const isLoser = upload.state === "committed" && upload.object?.key !== key;
      return isDead(upload.state) || isLoser ? "dead" : "kept";
    });
  }

  #findByKey(bucket: string, s3Key: string): StoredUpload | undefined {
    return [...this.#uploads.values()].find(({ upload }) => upload.bucket === bucket && upload.s3Key === s3Key);
  }

  #findCreated(identity: CommandIdentity): Upload | undefined {
    const uploadId = this.#requests.find(identity);
    return uploadId === undefined ? undefined : this.#toUpload(this.#find(uploadId));
  }

  #find(uploadId: string, namespace?: string): StoredUpload {
    const stored = this.#uploads.get(uploadId);
    const isElsewhere = namespace !== undefined && stored?.upload.namespace !== namespace;
    if (stored === undefined || isElsewhere) throw uploadNotFound(uploadId);
    return stored;
  }

  #require(uploadId: string, states: readonly UploadState[], epoch?: number | undefined): StoredUpload {
    const stored = this.#find(uploadId);
    const { upload, writers } = stored;
    if (epoch !== undefined && !writers.has(epoch)) throw writerFenced(uploadId, epoch, upload.epoch);
    if (!states.includes(upload.state)) throw uploadNotOpen(uploadId, upload.state, states[0]);
    return stored;
  }

  #begin(stored: StoredUpload, range: WriterRange, expireAfterMs: number): { upload: Upload; epoch: number } {
    const epoch = ++stored.upload.epoch;
    for (const [older, writer] of stored.writers) if (intersects(writer.range, range)) stored.writers.delete(older);
    stored.writers.set(epoch, { range, receivedBytes: 0 });
    this.#slide(stored, expireAfterMs);
    return { upload: this.#toUpload(stored), epoch };
  }

  #enter(stored: StoredUpload, state: UploadState): void {
    stored.upload.state = state;
    if (state !== "aborted") stored.upload.failure = undefined;
    stored.stateMs = this.#now();
    stored.stateOrder = this.#changes++;
  }

  #assemble(stored: StoredUpload, object: AssembledObject, options: AssembleOptions = {}): void {
    const { upload } = stored;
    seal(upload, object.sizeBytes, options);
    upload.ifGenerationMatch = options.ifGenerationMatch ?? upload.ifGenerationMatch;
    const isWanted = options.isCommitWanted === true || upload.state === "completing";
    stored.commitWantedMs = isWanted ? this.#now() : undefined;
    stored.upload.object = structuredClone(object);
    stored.upload.crc32 = object.crc32;
    this.#enter(stored, "assembled");
  }

  #slide(stored: StoredUpload, expireAfterMs: number): void {
    const nextMs = Math.min(this.#now() + expireAfterMs, stored.expireCapMs);
    if (nextMs > stored.upload.expireTime.getTime()) stored.upload.expireTime = new Date(nextMs);
  }

  #mayLeaveBytes({ upload, stateMs, urlExpireMs = Number.NEGATIVE_INFINITY }: StoredUpload): boolean {
    const settledMs = this.#now() - SETTLED_AFTER_MS;
    const isSettled = (upload.putAttempt === 0 || stateMs < settledMs) && urlExpireMs < settledMs;
    const attemptsThatWon = upload.object?.key === upload.s3Key ? 0 : 1;
    return isSettled && (isDead(upload.state) || (upload.state === "committed" && upload.putAttempt > attemptsThatWon));
  }

  /** By the time that `toMs` gives, which leaves an upload out by undefined; within a millisecond by the order of changes. */
  #listPage(namespace: string, paging: UploadPaging, toMs: (stored: StoredUpload) => number | undefined): UploadPage {
    const listed = [...this.#uploads.values()].flatMap((stored) => {
      const ms = stored.upload.namespace === namespace ? toMs(stored) : undefined;
      return ms === undefined ? [] : [{ entry: stored, ms, id: String(stored.stateOrder).padStart(16, "0") }];
    });
    const { page, next } = takePage(listed, paging);
    return { uploads: page.map((stored) => this.#toUpload(stored)), next };
  }

  #toUpload(stored: StoredUpload): Upload {
    const { upload, fileId } = stored;
    const file = fileId === undefined ? undefined : this.#files.find(fileId);
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

function toDurable({ parts }: Pick<StoredUpload, "parts">): DurablePart[] {
  const durable = [...parts.values()].flatMap((part) => (part.durable === undefined ? [] : [{ ...part.durable }]));
  return durable.sort((a, b) => a.partNumber - b.partNumber);
}

/** Parts claimed for presigned URLs, by whatever writer. */
function toOutstanding({ parts }: StoredUpload): PresignedPart[] {
  const claims = [...parts.values()].flatMap(({ durable, presigned }) =>
    durable === undefined && presigned !== undefined ? [{ ...presigned }] : [],
  );
  return claims.sort((a, b) => a.partNumber - b.partNumber);
}

function toReceived({ upload, parts, writers }: StoredUpload): number {
  if (upload.object !== undefined) return upload.object.sizeBytes;
  const durable = toDurable({ parts });
  const pending = [...writers.values()].map(({ range, receivedBytes }) =>
    Math.max(0, receivedBytes - totalBytes(partsWithin(durable, range, upload.partSizeBytes))),
  );
  return pending.reduce((sum, bytes) => sum + bytes, totalBytes(durable));
}

/** What was given up, or begun with a URL, may land until then. */
const SETTLED_AFTER_MS = 10 * 60_000;

function isCommitting(state: UploadState): boolean {
  return state === "completing" || state === "assembled";
}

function isDead(state: UploadState): boolean {
  return state === "aborted" || state === "expired";
}

function seal(upload: Upload, sizeBytes: number, { expectedSha256 }: FinishOptions): void {
  upload.sizeBytes ??= sizeBytes;
  if (upload.sizeBytes !== sizeBytes) throw sizeMismatch(upload.uploadId, sizeBytes, upload.sizeBytes);
  upload.expectedSha256 = expectedSha256 ?? upload.expectedSha256;
}

function isBeyondSize({ sizeBytes, partSizeBytes }: Upload, partNumber: number): boolean {
  return sizeBytes !== undefined && (partNumber - 1) * partSizeBytes >= sizeBytes;
}

function assertWithinSize(upload: Upload, partNumber: number): void {
  if (isBeyondSize(upload, partNumber)) throw partBeyondSize(upload.uploadId, partNumber, upload.sizeBytes as number);
}

function assertSameBytes(uploadId: string, known: DurablePart, part: DurablePart): void {
  if (known.crc32 === part.crc32 && known.lengthBytes === part.lengthBytes) return;
  throw partAlreadyDurable(uploadId, part.partNumber);
}
