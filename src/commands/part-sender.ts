import { DomainError } from "../domain/errors.ts";
import type { Release } from "../domain/memory-budget.ts";
import type { BodyAck, BodyInFlight } from "../domain/object-store.ts";
import type { Upload } from "../domain/upload.ts";
import { beginMultipart, explainLost, isLost } from "./multipart-upload.ts";
import { PartInFlight } from "./part-in-flight.ts";
import { PartRecorder, type WriterBegin } from "./part-recorder.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/** How the owner hears of what happens beside its own calls. */
export interface WriterEvents {
  /** What `write` waited for is there: it takes bytes again. */
  onReady: () => void;
  /** The writer has failed: stop reading, then `close`. Called once. */
  onFailed: (error: Error) => void;
  /** S3 has acknowledged these bytes and nothing here refers to them any more. */
  onReleased: (bytes: readonly Uint8Array[]) => void;
}

/** A one-part file as S3 acknowledged it; not recorded yet. */
export interface PutAck extends BodyAck {
  sizeBytes: number;
  crc32: number;
}

/**
 * Opens an upload's parts one after the other, each once it has a permit of the memory budget, a claimed row and a
 * place among the parts in flight, and sees to it that what S3 acknowledges is recorded.
 *
 * An upload of a declared size of at most one part becomes one PutObject. One of unknown size holds its first part
 * until a second begins (multipart) or it ends (PutObject).
 */
export class PartSender {
  readonly recorder: PartRecorder;
  readonly #access: UploadAccess;
  readonly #upload: Upload;
  readonly #epoch: number;
  readonly #events: WriterEvents;
  readonly #closed = new AbortController();
  readonly #unsettled = new Set<Promise<void>>();
  #multipartId: string | undefined;
  #readyFor = 0;
  #waiting: Promise<void> | undefined;
  #permit: Release | undefined;
  #partsInFlight = 0;
  #slotFreed: (() => void) | undefined;
  #held: { part: PartInFlight; permit: Release | undefined } | undefined;
  #put: PutAck | undefined;
  #failure: Error | undefined;

  constructor(access: UploadAccess, begin: WriterBegin, events: WriterEvents) {
    this.#access = access;
    this.#upload = begin.upload;
    this.#epoch = begin.epoch;
    this.#events = events;
    this.#multipartId = begin.upload.multipartId;
    this.recorder = new PartRecorder(access, begin);
  }

  /** The error that ended the sender, if one did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The whole file, once S3 acknowledged its PutObject. */
  get put(): PutAck | undefined {
    return this.#put;
  }

  /** Whether a part is waited for. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /**
   * Gets the next part ready to open. False: not yet, `onReady` follows. Repeating is free.
   * `isOwed`: earlier parts cannot end before this one has taken bytes (a chunk with a CRC32 reaches into it), so that
   * waiting for their permit or place would be waiting for ourselves: it is opened beyond the limits.
   */
  prepare(partNumber: number, options: { isOwed: boolean } = { isOwed: false }): boolean {
    if (this.#readyFor === partNumber) return true;
    if (this.#waiting !== undefined || this.#failure !== undefined || this.#closed.signal.aborted) return false;
    const obstacle = this.recorder.parts.has(partNumber) ? undefined : this.#findObstacle(partNumber, options);
    if (obstacle === undefined) {
      this.#readyFor = partNumber;
      return true;
    }
    this.#waiting = obstacle.then(
      () => {
        this.#waiting = undefined;
        if (this.prepare(partNumber, options)) this.#events.onReady();
      },
      (error) => {
        this.#waiting = undefined;
        this.fail(error);
      },
    );
    return false;
  }

  /** Opens a part that `prepare` said is ready. */
  open(partNumber: number): PartInFlight {
    const startOffset = (partNumber - 1) * this.#upload.partSizeBytes;
    const durable = this.recorder.parts.get(partNumber);
    const lengthBytes = durable?.lengthBytes ?? this.#lengthOf(partNumber);
    const part = new PartInFlight({ partNumber, startOffset, lengthBytes, durable });
    this.#readyFor = 0;
    if (durable !== undefined) return part;
    const permit = this.#permit;
    this.#permit = undefined;
    if (this.#multipartId !== undefined) this.#sendPart(part, permit);
    else if (this.#upload.sizeBytes !== undefined) this.#sendPut(part, permit);
    else this.#held = { part, permit };
    return part;
  }

  /** All bytes of the part have passed, and every chunk that touches it is verified. */
  end(part: PartInFlight): void {
    part.assertSameAsDurable();
    part.end();
  }

  /** Sends what an upload of unknown size held, or the nothing of an empty file, as one object. */
  endAsPut(): void {
    const { part, permit } = this.#held ?? {
      part: new PartInFlight({ partNumber: 1, startOffset: 0, lengthBytes: 0 }),
      permit: undefined,
    };
    this.#held = undefined;
    this.#sendPut(part, permit);
    this.end(part);
  }

  /** Whether the only part is still held: the upload is to become a PutObject. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** Resolves when nothing is in flight: acknowledged and recorded, or failed. Never rejects. */
  async settle(): Promise<void> {
    while (this.#unsettled.size > 0) await Promise.all(this.#unsettled);
  }

  /** Notes the first failure and wakes the owner, who may be waiting for bytes of a silent caller. */
  fail(error: unknown): void {
    if (this.#failure !== undefined || this.#closed.signal.aborted) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#events.onFailed(this.#failure);
  }

  /** Gives the open parts up, lets the others settle, gives every permit back. Never rejects. */
  async close(open: readonly PartInFlight[]): Promise<void> {
    const reason = this.#failure ?? new Error("the writer was closed");
    this.#closed.abort(reason);
    for (const part of open) part.body?.abort(reason);
    await this.settle();
    await this.#waiting?.catch(() => {});
    this.#permit?.();
    this.#held?.permit?.();
    this.#permit = undefined;
    this.#held = undefined;
  }

  /** What must be awaited before the part can open; undefined when nothing. One thing at a time. */
  #findObstacle(partNumber: number, { isOwed }: { isOwed: boolean }): Promise<unknown> | undefined {
    if (this.#isMultipart(partNumber)) {
      if (!this.recorder.isClaimed(partNumber)) return this.recorder.claim(this.#held === undefined ? partNumber : 1);
      if (this.#multipartId === undefined) return this.#beginMultipart();
      this.#releaseHeld();
    }
    if (this.#partsInFlight >= this.#access.limits.partsInFlightMax && !isOwed) {
      return new Promise<void>((resolve) => {
        this.#slotFreed = resolve;
      });
    }
    if (this.#permit !== undefined) return undefined;
    const permitBytes = this.#lengthOf(partNumber);
    const { budget } = this.#access;
    this.#permit = isOwed ? budget.overdraw(permitBytes) : budget.tryAcquire(permitBytes);
    if (this.#permit !== undefined) return undefined;
    return budget.acquire(permitBytes, { turn: this.#upload, signal: this.#closed.signal }).then((permit) => {
      this.#permit = permit;
    });
  }

  /** False for a file of at most one part, and for a first part that may turn out to be the whole file. */
  #isMultipart(partNumber: number): boolean {
    if (this.#multipartId !== undefined || partNumber > 1) return true;
    const { partSizeBytes, sizeBytes } = this.#upload;
    return sizeBytes !== undefined && sizeBytes > partSizeBytes;
  }

  #lengthOf(partNumber: number): number {
    const { partSizeBytes, sizeBytes } = this.#upload;
    if (sizeBytes === undefined) return partSizeBytes;
    return Math.min(partSizeBytes, sizeBytes - (partNumber - 1) * partSizeBytes);
  }

  async #beginMultipart(): Promise<void> {
    this.#multipartId = await beginMultipart(this.#access, this.#upload);
  }

  /** The held first part turns out to be the first of several. */
  #releaseHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#sendPart(held.part, held.permit);
  }

  #sendPart(part: PartInFlight, permit: Release | undefined): void {
    const { bucket, s3Key: key } = this.#upload;
    const target = { bucket, key, multipartId: this.#multipartId as string, partNumber: part.partNumber };
    const body = this.#access.objects.beginPart(target, part.lengthBytes);
    this.#send(part, { body, permit, keep: (ack) => this.#record(part, ack) });
  }

  #sendPut(part: PartInFlight, permit: Release | undefined): void {
    const lengthBytes = this.#upload.sizeBytes ?? part.passedBytes;
    const { bucket, s3Key, contentType, uploadId } = this.#upload;
    const beginAttempt = async () => {
      const step = () => this.#access.uploads.beginPutAttempt(uploadId, this.#epoch);
      return `${s3Key}.${await withDatabase(this.#access, step)}`;
    };
    const body = this.#access.objects.beginPut({ bucket, contentType, beginAttempt }, lengthBytes);
    this.#send(part, { body, permit, keep: (ack) => this.#keepPut(part, ack) });
  }

  #send(
    part: PartInFlight,
    options: { body: BodyInFlight; permit: Release | undefined; keep: (ack: BodyAck) => void | Promise<void> },
  ): void {
    const { body, permit, keep } = options;
    this.#partsInFlight++;
    part.start(body);
    const acknowledged = body.done.finally(() => permit?.());
    const settled = acknowledged
      .then((ack) => {
        this.#events.onReleased(body.kept);
        return keep(ack);
      })
      .catch(async (error) => this.fail(await this.#explain(part, error)))
      .finally(() => {
        this.#unsettled.delete(settled);
        // Not at the acknowledgement: while the database is slow, parts that are stored but not recorded would pile up,
        // and a kill would lose them all.
        this.#partsInFlight--;
        this.#slotFreed?.();
      });
    this.#unsettled.add(settled);
  }

  #keepPut(part: PartInFlight, ack: BodyAck): void {
    this.#put = { ...ack, sizeBytes: part.passedBytes, crc32: part.crc32 };
  }

  async #record(part: PartInFlight, ack: BodyAck): Promise<void> {
    const { partNumber, passedBytes: lengthBytes, crc32 } = part;
    await this.recorder.record({ partNumber, lengthBytes, crc32, etag: ack.etag });
  }
  /** After BadDigest the wrong chunk is looked for; after NoSuchUpload, who has ended the upload. */
  async #explain(part: PartInFlight, error: unknown): Promise<unknown> {
    if (!(error instanceof DomainError)) return error;
    if (error.reason === "CHECKSUM_MISMATCH") return part.findWrongChunk() ?? error;
    if (!isLost(error)) return error;
    const { uploadId } = this.#upload;
    return await explainLost(this.#access, { uploadId, epoch: this.#epoch, partNumber: part.partNumber }, error);
  }
}
