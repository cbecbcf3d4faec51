import { partAlreadyDurable, partBeyondSize, urlOutlivesUpload } from "../../../domain/repository-refusals.ts";
import { assertSignable, assertUnaryPart } from "../../../domain/uploads/part-plan.ts";
import type { DurablePart, Upload } from "../../../domain/uploads/upload.ts";
import type {
  GrantedPart,
  GrantedWriter,
  PresignedPart,
  ReceivedNote,
  UploadWriters,
  WriterOptions,
} from "../../../domain/uploads/upload-writers.ts";
import { intersects, partsWithin, toWriterRange, type WriterRange } from "../../../domain/uploads/writer-range.ts";
import { isBeyondSize, isDead, type StoredUpload, type StoredUploads, toDurable } from "./stored-uploads.ts";

/** The writers of uploads in memory. */
export class FakeUploadWriters implements UploadWriters {
  readonly #stored: StoredUploads;

  constructor(stored: StoredUploads) {
    this.#stored = stored;
  }

  async beginWriter(namespace: string, uploadId: string, options: WriterOptions): Promise<GrantedWriter> {
    const stored = this.#stored.find(uploadId, namespace);
    const range = toWriterRange(stored.upload, options.lane);
    const parts = toDurable(stored);
    if (stored.upload.state !== "open") {
      return { upload: this.#stored.toUpload(stored), epoch: 0, range, parts, outstanding: [] };
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
    const stored = this.#stored.find(uploadId, namespace);
    const part = stored.parts.get(partNumber)?.durable;
    if (part !== undefined && !isDead(stored.upload.state)) {
      return { kind: "durable", upload: this.#stored.toUpload(stored), part: { ...part } };
    }
    this.#stored.require(uploadId, ["open"]);
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
    const stored = this.#stored.find(uploadId, namespace);
    this.#stored.require(uploadId, ["open"]);
    const durable = parts.flatMap(({ partNumber }) => stored.parts.get(partNumber)?.durable ?? []);
    const wanted = parts.filter(({ partNumber }) => stored.parts.get(partNumber)?.durable === undefined);
    assertSignable(stored.upload, wanted);
    const signMs = this.#stored.now();
    const urlExpireMs = signMs + lifetimeMs;
    if (urlExpireMs > stored.expireCapMs) throw urlOutlivesUpload(uploadId, lifetimeMs);
    for (const { partNumber, lengthBytes, crc32 } of wanted) {
      const start = (partNumber - 1) * stored.upload.partSizeBytes;
      const { epoch } = this.#begin(stored, { start, end: start + lengthBytes }, expireAfterMs);
      const presigned = { partNumber, lengthBytes, crc32, epoch };
      stored.parts.set(partNumber, { epoch, durable: undefined, presigned });
    }
    this.#stored.slide(stored, Math.max(expireAfterMs, lifetimeMs));
    stored.urlExpireMs = Math.max(stored.urlExpireMs ?? 0, urlExpireMs);
    const copies = durable.map((part) => ({ ...part }));
    return { upload: this.#stored.toUpload(stored), durable: copies, signTime: new Date(signMs) };
  }

  async adoptParts(
    uploadId: string,
    parts: readonly (PresignedPart & { etag: string })[],
    { epoch }: { epoch?: number | undefined } = {},
  ): Promise<DurablePart[]> {
    const stored = this.#stored.require(uploadId, ["open"], epoch);
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
    const stored = this.#stored.require(uploadId, ["open", "completing", "assembled", "committed"], epoch);
    await this.noteReceived([{ uploadId, epoch, receivedBytes: options.receivedBytes }]);
    if (stored.upload.state === "open" || stored.upload.state === "completing") {
      this.#stored.slide(stored, options.expireAfterMs);
    }
  }

  async noteReceived(notes: readonly ReceivedNote[]): Promise<void> {
    for (const { uploadId, epoch, receivedBytes } of notes) {
      const writer = this.#stored.uploads.get(uploadId)?.writers.get(epoch);
      if (writer !== undefined) writer.receivedBytes = Math.max(writer.receivedBytes, receivedBytes);
    }
  }

  async setMultipartId(uploadId: string, multipartId: string): Promise<string> {
    const { upload } = this.#stored.require(uploadId, ["open"]);
    upload.multipartId ??= multipartId;
    return upload.multipartId;
  }

  async beginPutAttempt(uploadId: string, epoch: number): Promise<number> {
    return ++this.#stored.require(uploadId, ["open"], epoch).upload.putAttempt;
  }

  async claimParts(uploadId: string, epoch: number, { first, count }: { first: number; count: number }) {
    const { parts, upload } = this.#stored.require(uploadId, ["open"], epoch);
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
  ): Promise<undefined> {
    const isRecorded = ({ partNumber, etag }: DurablePart) =>
      this.#stored.find(uploadId).parts.get(partNumber)?.durable?.etag === etag;
    if (options.isLast === true && parts.every(isRecorded)) return;
    if (parts.length === 0) return;
    const stored = this.#stored.require(uploadId, ["open"], epoch);
    assertWithinSize(stored.upload, Math.max(...parts.map(({ partNumber }) => partNumber)));
    for (const part of parts) {
      const known = stored.parts.get(part.partNumber);
      if (known?.durable !== undefined) assertSameBytes(uploadId, known.durable, part);
      else if (known?.epoch === epoch) known.durable = { ...part };
      else throw new Error(`part ${part.partNumber} of upload ${uploadId} was recorded unclaimed`);
    }
    if (options.isLast === true) stored.writers.delete(epoch);
  }

  async markLost(uploadId: string, epoch: number): Promise<void> {
    const stored = this.#stored.require(uploadId, ["open", "aborted"], epoch);
    if (stored.upload.state !== "aborted") this.#stored.enter(stored, "aborted");
  }

  #begin(stored: StoredUpload, range: WriterRange, expireAfterMs: number): { upload: Upload; epoch: number } {
    const epoch = ++stored.upload.epoch;
    for (const [older, writer] of stored.writers) if (intersects(writer.range, range)) stored.writers.delete(older);
    stored.writers.set(epoch, { range, receivedBytes: 0 });
    this.#stored.slide(stored, expireAfterMs);
    return { upload: this.#stored.toUpload(stored), epoch };
  }
}

/** Parts claimed for presigned URLs, by whatever writer. */
export function toOutstanding({ parts }: StoredUpload): PresignedPart[] {
  const claims = [...parts.values()].flatMap(({ durable, presigned }) =>
    durable === undefined && presigned !== undefined ? [{ ...presigned }] : [],
  );
  return claims.sort((a, b) => a.partNumber - b.partNumber);
}

function assertWithinSize(upload: Upload, partNumber: number): void {
  if (isBeyondSize(upload, partNumber)) throw partBeyondSize(upload.uploadId, partNumber, upload.sizeBytes as number);
}

function assertSameBytes(uploadId: string, known: DurablePart, part: DurablePart): void {
  if (known.crc32 === part.crc32 && known.lengthBytes === part.lengthBytes) return;
  throw partAlreadyDurable(uploadId, part.partNumber);
}
