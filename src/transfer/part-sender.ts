import { AsyncLocalStorage } from "node:async_hooks";
import { beginMultipart, explainLost, isLost } from "../commands/uploads/multipart-upload.ts";
import { createPutAttempts } from "../commands/uploads/put-attempt.ts";
import type { PutAck } from "../commands/uploads/written-bytes.ts";
import type { BodyAck } from "../domain/object-store.ts";
import { isOnePart, isOneShotPart, partLengthOf } from "../domain/uploads/part-plan.ts";
import type { Upload } from "../domain/uploads/upload.ts";
import type { GrantedWriter } from "../domain/uploads/upload-writers.ts";
import type { Permit } from "./memory-budget.ts";
import { Part, type PartOwner } from "./part.ts";
import { PartRecorder } from "./part-recorder.ts";
import type { Destination } from "./part-state.ts";
import type { TransferAccess, TransferEvents } from "./transfer-access.ts";
import type { SessionLoad } from "./upload-sessions.ts";

/** What stands between the writer and its next byte. */
type Readiness =
  /** Nothing: the open part takes bytes, or the next one is to be prepared. */
  | { kind: "idle" }
  /** A row, a multipart upload, or memory. */
  | { kind: "waiting"; until: Promise<void> }
  /** A place among the parts in flight. */
  | { kind: "crowded"; partNumber: number }
  /** The next part may be opened; without a permit where it is durable already. */
  | { kind: "prepared"; permit: Permit | undefined };

const IDLE: Readiness = { kind: "idle" };

/**
 * Opens an upload's parts one after the other, each once it has a claimed row, a place among the parts in flight and a
 * permit of the memory budget, and sees to it that what S3 acknowledges is recorded.
 *
 * An upload of a declared size of at most one part becomes one PutObject. One of unknown size holds its first part
 * until a second begins (multipart) or it ends (PutObject).
 */
export class PartSender implements PartOwner {
  readonly access: TransferAccess;
  readonly upload: Upload;
  readonly events: TransferEvents;
  readonly recorder: PartRecorder;
  readonly beginAttempt: () => Promise<string>;
  readonly #epoch: number;
  readonly #closed = new AbortController();
  /** Parts that were opened and that S3 has not acknowledged. */
  readonly #parts = new Set<Part>();
  readonly #unsettled = new Set<Promise<void>>();
  #readiness: Readiness = IDLE;
  #requests = 0;
  #multipartId: string | undefined;
  /** The first part of an upload of unknown size, until it is known whether it is the whole file. */
  #undecided: Part | undefined;
  #put: PutAck | undefined;
  /** How fast the last whole part came. */
  #bytesPerMs: number | undefined;
  #failure: Error | undefined;
  /** Runs its argument as a part of the call: the events of a stream come outside of it. */
  readonly #inCall = AsyncLocalStorage.snapshot();

  constructor(access: TransferAccess, writer: GrantedWriter, events: TransferEvents) {
    this.access = access;
    this.upload = writer.upload;
    this.events = events;
    this.recorder = new PartRecorder(access, writer);
    this.#epoch = writer.epoch;
    this.beginAttempt = createPutAttempts(access, writer);
    this.#multipartId = writer.upload.multipartId;
  }

  /** The error that ended the sender, if one did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The whole file, once S3 acknowledged its PutObject. */
  get put(): PutAck | undefined {
    return this.#put;
  }

  /** Whether no more bytes are taken, because the sender has failed or was closed. */
  get isOver(): boolean {
    return this.#failure !== undefined || this.signal.aborted;
  }

  /** Whether the writer is held back: `onReady` follows. */
  get isWaiting(): boolean {
    return this.#readiness.kind === "waiting" || this.#readiness.kind === "crowded";
  }

  /** Whether the only part is still held: the upload is to become a PutObject. */
  get isUndecided(): boolean {
    return this.#undecided !== undefined;
  }

  get load(): SessionLoad {
    // What is gone of a part that is kept was spilled.
    const kept = [...this.#parts].filter(({ partNumber }) => this.windowOf(partNumber) === undefined);
    const spilledBytes = kept.reduce((sum, { passedBytes, heldBytes }) => sum + passedBytes - heldBytes, 0);
    return { parts: this.#parts.size, spilledBytes };
  }

  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  /** What a part that is sent only once may have in memory, in bytes; undefined of one that is kept. */
  windowOf(partNumber: number): number | undefined {
    const { limits } = this.access;
    return isOneShotPart(this.upload, partNumber, limits) ? limits.oneShotWindowBytes : undefined;
  }

  /**
   * Gets the next part ready to be opened. False: it is not yet, and `onReady` follows. Repeating is free.
   * `isOwed`: earlier parts cannot end before this one has taken bytes (a chunk with a CRC32 reaches into it), so that
   * waiting for their memory or place would be waiting for ourselves: it is opened beyond the limits.
   */
  prepare(partNumber: number, { isOwed }: { isOwed: boolean } = { isOwed: false }): boolean {
    if (this.#readiness.kind === "prepared") return true;
    if (this.#readiness.kind !== "idle" || this.isOver) return false;
    return this.#inCall(() => this.#prepare(partNumber, isOwed));
  }

  #prepare(partNumber: number, isOwed: boolean): boolean {
    if (this.recorder.parts.has(partNumber)) return this.#setPrepared(undefined);
    const { refusal } = this.recorder;
    // Without a part that is owed, earlier ones could not be recorded.
    if (refusal !== undefined && !isOwed) return this.#waitFor(Promise.reject(refusal), () => false);
    const obstacle = this.#isMultipart(partNumber) ? this.#prepareMultipart(partNumber) : undefined;
    if (obstacle !== undefined) return this.#waitFor(obstacle, () => this.prepare(partNumber, { isOwed }));
    if (this.#requests >= this.access.limits.partsInFlightMax && !isOwed) {
      this.#readiness = { kind: "crowded", partNumber };
      return false;
    }
    return this.#takePermit(partNumber, { isOwed });
  }

  /** Opens a part that `prepare` said is ready. */
  open(partNumber: number): Part {
    return this.#inCall(() => this.#open(partNumber));
  }

  #open(partNumber: number): Part {
    const permit = this.#readiness.kind === "prepared" ? this.#readiness.permit : undefined;
    this.#readiness = IDLE;
    const durable = this.recorder.parts.get(partNumber);
    if (durable !== undefined) {
      return new Part(this, { partNumber, lengthBytes: durable.lengthBytes, begin: { durable } });
    }
    const { budget } = this.access;
    const part = this.#create(partNumber, permit as Permit);
    budget.watch(permit as Permit, part, this.#bytesPerMs);
    if (this.#multipartId !== undefined) this.#sendPart(part, this.#multipartId);
    else if (this.upload.sizeBytes !== undefined) this.#sendPut(part);
    else this.#undecided = part;
    return part;
  }

  /** Gets room for more bytes of an open part. False: there is none yet, and `onReady` follows. */
  admit(part: Part): boolean {
    if (this.#readiness.kind !== "idle" || this.isOver) return false;
    const growing = part.grow();
    return growing === undefined || this.#waitFor(growing, () => true);
  }

  /** Sends the only part of an upload of unknown size, or the nothing of an empty file, as one object. */
  endAsPut(): void {
    const part = this.#undecided ?? this.#create(1, this.access.budget.open());
    this.#undecided = undefined;
    part.end();
    this.#sendPut(part);
  }

  /** Resolves when nothing is in flight: acknowledged and recorded, or failed. Never rejects. */
  async settle(): Promise<void> {
    while (this.#unsettled.size > 0) await Promise.all(this.#unsettled);
  }

  /** Notes the first failure and wakes the owner, who may be waiting for bytes of a silent caller. */
  fail(error: unknown): void {
    if (this.isOver) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.events.onFailed(this.#failure);
  }

  /** Gives up the parts whose bytes have not all come, lets all others settle, and then gives every permit back. Never rejects. */
  async close(): Promise<void> {
    const reason = this.#failure ?? new Error("the writer was closed");
    this.#closed.abort(reason);
    for (const part of this.#parts) part.abort(reason);
    await this.settle();
    if (this.#readiness.kind === "waiting") await this.#readiness.until;
    if (this.#readiness.kind === "prepared" && this.#readiness.permit !== undefined) {
      this.access.budget.release(this.#readiness.permit);
    }
    this.#readiness = IDLE;
    for (const part of this.#parts) part.release();
    this.#parts.clear();
  }

  track(step: Promise<void>): void {
    const settled = step.catch((error) => this.fail(error)).finally(() => this.#unsettled.delete(settled));
    this.#unsettled.add(settled);
  }

  trackRequest(step: Promise<void>): void {
    this.#requests++;
    // A place is free once the part is recorded, not once it is acknowledged: while the database is slow, parts that are
    // stored but not recorded would pile up, and a kill would lose them all.
    this.track(step.catch((error) => this.fail(error)).finally(() => this.#leaveRequest()));
  }

  notePace(bytesPerMs: number | undefined): void {
    this.#bytesPerMs = bytesPerMs ?? this.#bytesPerMs;
  }

  async keep(part: Part, destination: Destination, ack: BodyAck): Promise<void> {
    this.#parts.delete(part);
    const { partNumber, passedBytes: lengthBytes } = part;
    const { crc32 } = part.checksum;
    if (destination.kind === "put") this.#put = { ...ack, sizeBytes: lengthBytes, crc32 };
    else await this.recorder.record({ partNumber, lengthBytes, crc32, etag: ack.etag });
  }

  /** After NoSuchUpload it is found out who has ended the upload. */
  async explain({ partNumber }: Part, error: unknown): Promise<unknown> {
    if (!isLost(error)) return error;
    return await explainLost(this.access, { uploadId: this.upload.uploadId, epoch: this.#epoch, partNumber }, error);
  }

  #create(partNumber: number, permit: Permit): Part {
    const lengthBytes = partLengthOf(this.upload, partNumber);
    const part = new Part(this, { partNumber, lengthBytes, begin: { permit }, windowBytes: this.windowOf(partNumber) });
    this.#parts.add(part);
    return part;
  }

  #sendPart(part: Part, multipartId: string): void {
    const { bucket, s3Key: key, principal } = this.upload;
    const { partNumber } = part;
    part.send({ kind: "part", target: { bucket, key, multipartId, partNumber, principal } });
  }

  #sendPut(part: Part): void {
    const { bucket, contentType, principal } = this.upload;
    part.send({ kind: "put", target: { bucket, contentType, principal, beginAttempt: this.beginAttempt } });
  }

  /** Waits, and calls `onReady` where `isReady` then says that bytes are taken again. */
  #waitFor(obstacle: Promise<unknown>, isReady: () => boolean): false {
    const until = obstacle.then(
      () => {
        this.#readiness = IDLE;
        if (isReady() && !this.isOver) this.events.onReady();
      },
      (error) => {
        this.#readiness = IDLE;
        this.fail(error);
      },
    );
    this.#readiness = { kind: "waiting", until };
    return false;
  }

  /** False for a file of at most one part, and for a first part that may turn out to be the whole file. */
  #isMultipart(partNumber: number): boolean {
    if (this.#multipartId !== undefined || partNumber > 1) return true;
    return this.upload.sizeBytes !== undefined && !isOnePart(this.upload);
  }

  /** What has to be awaited before a part of several can be opened, one thing at a time; undefined when nothing has to. */
  #prepareMultipart(partNumber: number): Promise<void> | undefined {
    if (!this.recorder.isClaimed(partNumber)) return this.recorder.claim(this.isUndecided ? 1 : partNumber);
    if (this.#multipartId === undefined) return this.#beginMultipart();
    if (this.#undecided !== undefined) this.#sendPart(this.#undecided, this.#multipartId);
    this.#undecided = undefined;
    return undefined;
  }

  async #beginMultipart(): Promise<void> {
    this.#multipartId = await beginMultipart(this.access, this.upload, { onSpare: (spare) => this.track(spare) });
  }

  /** Takes a permit for as much as the caller's pace warrants: for all that the part may hold where it is owed, beyond the budget if need be. */
  #takePermit(partNumber: number, { isOwed }: { isOwed: boolean }): boolean {
    const { budget } = this.access;
    const permit = budget.open();
    const partBytes = partLengthOf(this.upload, partNumber);
    const heldMaxBytes = Math.min(partBytes, this.windowOf(partNumber) ?? partBytes);
    const prepared = () => {
      // Nothing is held under the permit until the part is opened: a caller who pauses here does not keep it from others.
      const unopened = { heldBytes: 0, restBytes: heldMaxBytes, onTrimmed: () => {}, spill: () => 0 };
      budget.watch(permit, unopened, this.#bytesPerMs);
      return this.#setPrepared(permit);
    };
    const bytes = budget.wish(heldMaxBytes, this.#bytesPerMs);
    if (isOwed) budget.overdraw(permit, heldMaxBytes);
    if (isOwed || budget.tryGrow(permit, bytes)) return prepared();
    return this.#waitFor(budget.grow(permit, bytes, { turn: this.upload, signal: this.signal }), prepared);
  }

  #setPrepared(permit: Permit | undefined): true {
    this.#readiness = { kind: "prepared", permit };
    return true;
  }

  #leaveRequest(): void {
    this.#requests--;
    if (this.#readiness.kind !== "crowded") return;
    const { partNumber } = this.#readiness;
    this.#readiness = IDLE;
    if (this.prepare(partNumber)) this.events.onReady();
  }
}
