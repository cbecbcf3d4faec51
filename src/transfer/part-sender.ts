import { beginMultipart, explainLost, isLost } from "../commands/uploads/multipart-upload.ts";
import { beginPutAttempt } from "../commands/uploads/put-attempt.ts";
import type { PutAck } from "../commands/uploads/written-bytes.ts";
import { DomainError } from "../domain/errors.ts";
import type { BodyAck, BodyInFlight } from "../domain/object-store.ts";
import { partLengthOf } from "../domain/uploads/part-plan.ts";
import type { Upload } from "../domain/uploads/upload.ts";
import { PartAdmission } from "./part-admission.ts";
import type { PartHolding } from "./part-holding.ts";
import { PartInFlight } from "./part-in-flight.ts";
import { PartRecorder, type WriterBegin } from "./part-recorder.ts";
import { PartWindow } from "./part-window.ts";
import type { TransferAccess } from "./transfer-access.ts";

/** How the owner hears of what happens beside its own calls. */
export interface WriterEvents {
  /** What `write` waited for is there: it takes bytes again. */
  onReady: () => void;
  /** The writer has failed: stop reading, then `close`. Called once. */
  onFailed: (error: Error) => void;
  /** S3 has acknowledged these bytes and nothing here refers to them any more. */
  onReleased: (bytes: readonly Uint8Array[]) => void;
}

/** How a part goes to S3, once that is known. */
interface Launch {
  begin: (lengthBytes: number) => BodyInFlight;
  keep: (ack: BodyAck) => void | Promise<void>;
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
  readonly #access: TransferAccess;
  readonly #upload: Upload;
  readonly #epoch: number;
  readonly #events: WriterEvents;
  readonly #closed = new AbortController();
  readonly #unsettled = new Set<Promise<void>>();
  #multipartId: string | undefined;
  #readyFor = 0;
  #waiting: Promise<void> | undefined;
  readonly #admission: PartAdmission;
  readonly #holdings = new Map<PartInFlight, PartHolding | PartWindow>();
  readonly #launches = new Map<PartInFlight, Launch>();
  #partsInFlight = 0;
  #slotFreed: (() => void) | undefined;
  #held: PartInFlight | undefined;
  #put: PutAck | undefined;
  #failure: Error | undefined;

  constructor(access: TransferAccess, begin: WriterBegin, events: WriterEvents) {
    this.#access = access;
    this.#upload = begin.upload;
    this.#epoch = begin.epoch;
    this.#events = events;
    this.#multipartId = begin.upload.multipartId;
    this.recorder = new PartRecorder(access, begin);
    this.#admission = new PartAdmission(access, begin.upload, {
      beginAttempt: () => beginPutAttempt(access, begin),
      onFailed: (error: unknown) => this.fail(error),
      signal: this.#closed.signal,
    });
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
    return this.#waitFor(obstacle, () => this.prepare(partNumber, options));
  }

  /** Opens a part that `prepare` said is ready. */
  open(partNumber: number): PartInFlight {
    const startOffset = (partNumber - 1) * this.#upload.partSizeBytes;
    const durable = this.recorder.parts.get(partNumber);
    const lengthBytes = durable?.lengthBytes ?? partLengthOf(this.#upload, partNumber);
    const windowBytes = this.#admission.windowOf(partNumber);
    const part = new PartInFlight({ partNumber, startOffset, lengthBytes, durable, windowBytes });
    this.#readyFor = 0;
    if (durable !== undefined) return part;
    this.#holdings.set(part, this.#admission.admit(part));
    if (this.#multipartId !== undefined) this.#sendPart(part);
    else if (this.#upload.sizeBytes !== undefined) this.#sendPut(part);
    else this.#held = part;
    return part;
  }

  /** Whether the bytes of a part are not kept: what is wrong with them has to be found while they pass. */
  isUnkept(partNumber: number): boolean {
    return this.#admission.windowOf(partNumber) !== undefined;
  }

  /** Gets room for more bytes of an open part. False: not yet, `onReady` follows. */
  admit(part: PartInFlight): boolean {
    if (this.#waiting !== undefined || this.#failure !== undefined || this.#closed.signal.aborted) return false;
    const growing = this.#holdings.get(part)?.grow();
    return growing === undefined || this.#waitFor(growing, () => true);
  }

  /** All bytes of the part have passed, and every chunk that touches it is verified. */
  end(part: PartInFlight): void {
    part.assertSameAsDurable();
    part.end();
    this.#advance(part);
  }

  /** Sends what an upload of unknown size held, or the nothing of an empty file, as one object. */
  endAsPut(): void {
    const part = this.#held ?? new PartInFlight({ partNumber: 1, startOffset: 0, lengthBytes: 0 });
    this.#held = undefined;
    this.end(part);
    this.#sendPut(part);
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

  /** Gives the open parts up, lets all others settle, what is read back too, and then gives every permit back. Never rejects. */
  async close(open: readonly PartInFlight[]): Promise<void> {
    const reason = this.#failure ?? new Error("the writer was closed");
    this.#closed.abort(reason);
    for (const part of open) part.body?.abort(reason);
    const closing = [...this.#holdings].map(([part, holding]) => part.body === undefined && holding.close(reason));
    await Promise.all([this.settle(), ...closing]);
    await this.#waiting?.catch(() => {});
    for (const holding of this.#holdings.values()) holding.release();
    this.#admission.close();
    this.#held = undefined;
  }

  /** False, and `onReady` once that has come for which `isReady` is the last condition. */
  #waitFor(obstacle: Promise<unknown>, isReady: () => boolean): false {
    this.#waiting = obstacle.then(
      () => {
        this.#waiting = undefined;
        if (isReady()) this.#events.onReady();
      },
      (error) => {
        this.#waiting = undefined;
        this.fail(error);
      },
    );
    return false;
  }

  /** What must be awaited before the part can open; undefined when nothing. One thing at a time. */
  #findObstacle(partNumber: number, { isOwed }: { isOwed: boolean }): Promise<unknown> | undefined {
    if (this.#isMultipart(partNumber)) {
      if (!this.recorder.isClaimed(partNumber)) return this.recorder.claim(this.#held === undefined ? partNumber : 1);
      if (this.#multipartId === undefined) return this.#beginMultipart();
      // The held first part turns out to be the first of several.
      if (this.#held !== undefined) this.#sendPart(this.#held);
      this.#held = undefined;
    }
    if (this.#partsInFlight >= this.#access.limits.partsInFlightMax && !isOwed) {
      return new Promise<void>((resolve) => {
        this.#slotFreed = resolve;
      });
    }
    return this.#admission.prepare(partNumber, { isOwed });
  }

  /** False for a file of at most one part, and for a first part that may turn out to be the whole file. */
  #isMultipart(partNumber: number): boolean {
    if (this.#multipartId !== undefined || partNumber > 1) return true;
    const { partSizeBytes, sizeBytes } = this.#upload;
    return sizeBytes !== undefined && sizeBytes > partSizeBytes;
  }

  async #beginMultipart(): Promise<void> {
    this.#multipartId = await beginMultipart(this.#access, this.#upload, { onSpare: (spare) => this.#track(spare) });
  }

  #sendPart(part: PartInFlight): void {
    const { bucket, s3Key: key, principal } = this.#upload;
    const target = { bucket, key, multipartId: this.#multipartId as string, partNumber: part.partNumber, principal };
    const begin = (lengthBytes: number) => {
      const { objects } = this.#access;
      const holding = this.#holdings.get(part);
      if (!(holding instanceof PartWindow)) return objects.beginPart(target, lengthBytes);
      return holding.begin((events) => objects.beginUnkeptPart(target, lengthBytes, events), this.#events.onReleased);
    };
    const keep = ({ etag }: BodyAck) => {
      const { partNumber, passedBytes: lengthBytes, crc32 } = part;
      return this.recorder.record({ partNumber, lengthBytes, crc32, etag });
    };
    this.#launches.set(part, { begin, keep });
    this.#advance(part);
  }

  #sendPut(part: PartInFlight): void {
    const { bucket, contentType, principal } = this.#upload;
    const beginAttempt = () => beginPutAttempt(this.#access, { upload: this.#upload, epoch: this.#epoch });
    const target = { bucket, contentType, beginAttempt, principal };
    const begin = (lengthBytes: number) => this.#access.objects.beginPut(target, lengthBytes);
    const keep = (ack: BodyAck) => {
      this.#put = { ...ack, sizeBytes: part.passedBytes, crc32: part.crc32 };
    };
    this.#launches.set(part, { begin, keep });
    this.#advance(part);
  }

  /** Starts what can be: the part's request, as soon as it is known; once more, when it has given way and is whole. */
  #advance(part: PartInFlight): void {
    const launch = this.#launches.get(part);
    if (launch === undefined) return;
    const holding = this.#holdings.get(part);
    const begin = () => launch.begin(part.isEnded ? part.passedBytes : part.lengthBytes);
    if (holding?.hasGivenWay !== true) {
      if (part.body === undefined) this.#send(part, begin());
      if (part.isEnded && holding !== undefined) this.#admission.notePace(holding.letGo());
    } else if (part.isEnded) this.#track(holding.gather(begin).then((body) => this.#send(part, body)));
  }

  #send(part: PartInFlight, body: BodyInFlight): void {
    this.#partsInFlight++;
    part.start(body);
    const settling = this.#conclude(part, body).finally(() => {
      // Not at the acknowledgement: while the database is slow, parts that are stored but not recorded would pile up,
      // and a kill would lose them all.
      this.#partsInFlight--;
      this.#slotFreed?.();
    });
    this.#track(settling);
  }

  async #conclude(part: PartInFlight, body: BodyInFlight): Promise<void> {
    try {
      const ack = await body.done;
      this.#holdings.get(part)?.release();
      this.#holdings.delete(part);
      this.#events.onReleased(body.kept);
      await this.#launches.get(part)?.keep(ack);
      this.#launches.delete(part);
    } catch (error) {
      // A body that was withdrawn fails as it was told to; the part goes on without it.
      if (part.body === body) throw await this.#explain(part, error);
    }
  }

  /** Keeps `settle` waiting for it, and fails when it does. */
  #track(step: Promise<void>): void {
    const settled = step.catch((error) => this.fail(error)).finally(() => this.#unsettled.delete(settled));
    this.#unsettled.add(settled);
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
