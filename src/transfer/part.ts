import { DomainError } from "../domain/errors.ts";
import { HeldBytes } from "../domain/memory/held-bytes.ts";
import type { BodyAck } from "../domain/object-store.ts";
import type { DurablePart, Upload } from "../domain/uploads/upload.ts";
import type { Holder, Permit } from "./memory-budget.ts";
import { type ChunkInFlight, PartChecksum } from "./part-checksum.ts";
import type { Destination, Gathering, PartState, Passing, Sending, Spill } from "./part-state.ts";
import { PIECE_MEAN_MIN_BYTES, PieceGatherer } from "./piece-gatherer.ts";
import { SpilledBytes } from "./spilled-bytes.ts";
import type { TransferAccess, TransferEvents } from "./transfer-access.ts";

/** What a part needs of its writer. */
export interface PartOwner {
  readonly access: TransferAccess;
  readonly upload: Upload;
  readonly events: TransferEvents;
  /** Aborted once the writer closes. */
  readonly signal: AbortSignal;
  /** A fresh key of the upload's, for one PutObject. */
  beginAttempt: () => Promise<string>;
  /** Lets the writer wait for a step of the part before it ends. An error of the step is the writer's. */
  track(step: Promise<void>): void;
  /** The same for a request, which counts as a part in flight until the step has settled. */
  trackRequest(step: Promise<void>): void;
  /** All bytes of a part have come, so many a millisecond; undefined where that is not known. */
  notePace(bytesPerMs: number | undefined): void;
  /** S3 has acknowledged the part. Resolves once that is recorded. */
  keep(part: Part, destination: Destination, ack: BodyAck): Promise<void>;
  /** Finds the reason of a request's error, where the error does not tell it. */
  explain(part: Part, error: unknown): Promise<unknown>;
}

/** Why a body is given up whose bytes are spilled: the part goes on without it. */
const SPILLED = new Error("the bytes of the part are spilled");

/**
 * One part of an upload, from its first byte until S3 has it and that is recorded. Its states, and what leads from one to
 * another, stand at PartState. `#advance` takes every step but a spill, which the memory budget asks for.
 *
 * Memory: never more bytes than the permit of the state covers. Bytes are touched once, when they come.
 */
export class Part implements Holder {
  readonly partNumber: number;
  readonly startOffset: number;
  readonly lengthBytes: number;
  readonly checksum: PartChecksum;
  /** Bytes that have come. */
  passedBytes = 0;
  readonly #owner: PartOwner;
  /** Undefined: the bytes are kept until S3 has them. */
  readonly #windowBytes: number | undefined;
  readonly #pieces: PieceGatherer;
  #state: PartState;
  /** All bytes have come, and every chunk that touches them is verified. */
  #isEnded = false;
  /** How many bytes may have come before the memory budget has to be asked for more. */
  #admittedBytes = 0;
  /** Bytes that have come and are in memory no more: they are spilled, or have left a one-shot body. */
  #goneBytes = 0;

  constructor(
    owner: PartOwner,
    options: {
      partNumber: number;
      lengthBytes: number;
      /** What the bytes are compared with, or the permit that covers them. */
      begin: { durable: DurablePart } | { permit: Permit };
      windowBytes?: number | undefined;
    },
  ) {
    const { partNumber, lengthBytes, begin, windowBytes } = options;
    this.#owner = owner;
    this.partNumber = partNumber;
    this.startOffset = (partNumber - 1) * owner.upload.partSizeBytes;
    this.lengthBytes = lengthBytes;
    this.checksum = new PartChecksum(this.startOffset);
    this.#windowBytes = windowBytes;
    const passing = { spanBytes: windowBytes ?? 0, waitMaxBytes: PIECE_MEAN_MIN_BYTES };
    this.#pieces = new PieceGatherer(lengthBytes, this.#take, windowBytes === undefined ? {} : passing);
    if ("durable" in begin) this.#state = { kind: "comparing", durable: begin.durable };
    else this.#state = { kind: "held", permit: begin.permit, bytes: new HeldBytes(), destination: undefined };
    this.#admit();
  }

  get isFull(): boolean {
    return this.passedBytes === this.lengthBytes;
  }

  get endOffset(): number {
    return this.startOffset + this.lengthBytes;
  }

  /** How many bytes it takes now. */
  get roomBytes(): number {
    return this.#admittedBytes - this.passedBytes;
  }

  get heldBytes(): number {
    return this.passedBytes - this.#goneBytes;
  }

  get restBytes(): number {
    return Math.max(1, this.lengthBytes - this.passedBytes);
  }

  /** Bytes of a chunk that lie in this part: the one touch, while they are hot. */
  write(bytes: Uint8Array, chunk: ChunkInFlight): void {
    if (!chunk.isTrusted) this.checksum.add(bytes, chunk);
    this.passedBytes += bytes.length;
    if (this.#state.kind !== "comparing" && this.#pieces.refers(bytes)) this.#take(bytes);
  }

  /** Gets memory for more bytes: undefined when it is there at once. */
  grow(): Promise<void> | undefined {
    const state = this.#state;
    if (state.kind === "passing") return this.#growWindow(state);
    if (!("permit" in state)) return undefined;
    const { access, signal, upload: turn } = this.#owner;
    const { permit } = state;
    const wishBytes = access.budget.wish(this.restBytes, access.budget.paceOf(permit));
    const bytes = Math.min(this.lengthBytes - this.#admittedBytes, wishBytes);
    if (access.budget.tryGrow(permit, bytes)) return this.#admit();
    return access.budget.grow(permit, bytes, { turn, signal }).then(() => this.#admit());
  }

  /** The destination is known. */
  send(destination: Destination): void {
    if ("bytes" in this.#state) this.#state.destination = destination;
    this.#advance();
  }

  /** All bytes have come, and every chunk that touches them is verified. CHECKSUM_MISMATCH when they are not the durable ones. */
  end(): void {
    this.#isEnded = true;
    this.#pieces.flush();
    this.#advance();
  }

  onTrimmed(): void {
    this.#admit();
  }

  spill(): number {
    const state = this.#state;
    const bytes = this.heldBytes;
    const { access, signal, upload, beginAttempt } = this.#owner;
    if (signal.aborted || bytes < access.budget.stepBytes) return 0;
    if (state.kind !== "held" && state.kind !== "sending" && state.kind !== "spilled") return 0;
    this.#pieces.flush();
    const { bucket, principal } = upload;
    const { permit, destination } = state;
    const spilled =
      state.kind === "spilled" ? state.spilled : new SpilledBytes(access.objects, { bucket, principal, beginAttempt });
    const taken = state.kind === "sending" ? state.body.kept.move() : state.bytes.move();
    this.#state = { kind: "spilling", permit, destination, bytes: new HeldBytes(), spilled };
    if (state.kind === "sending") state.body.abort(SPILLED);
    this.#owner.track(this.#store(this.#state, taken));
    return bytes;
  }

  /** The writer closes: what would not end by itself is given up. A whole part on its way goes on. */
  abort(reason: Error): void {
    const state = this.#state;
    if (state.kind === "spilling") state.spilled.abort(reason);
    if (state.kind === "passing") state.room?.reject(reason);
    if ("body" in state && !this.#isEnded) state.body.abort(reason);
  }

  /** Gives the permit back: nothing of the part is in memory any more. */
  release(): void {
    if ("permit" in this.#state) this.#owner.access.budget.release(this.#state.permit);
    this.#state = { kind: "settled" };
  }

  /** Takes the step that is due once a destination is known, all bytes have come, or bytes are spilled. */
  #advance(): void {
    const state = this.#state;
    const { budget } = this.#owner.access;
    switch (state.kind) {
      case "comparing":
        if (!this.#isEnded) return;
        this.checksum.assertSame(state.durable, this);
        this.#state = { kind: "settled" };
        return;
      case "held":
        if (state.destination === undefined) return;
        this.#follow(this.#request({ permit: state.permit, destination: state.destination }), state.bytes);
        return;
      case "sending":
      case "passing":
        if (!this.#isEnded) return;
        state.body.end(this.checksum.crc32);
        // A window is watched on: others may need what is left of it.
        this.#owner.notePace(state.kind === "sending" ? budget.unwatch(state.permit) : budget.paceOf(state.permit));
        budget.shrink(state.permit, this.heldBytes);
        return;
      case "spilled":
        if (!this.#isEnded || state.destination === undefined) return;
        this.#owner.notePace(budget.unwatch(state.permit));
        this.#state = { ...state, kind: "gathering", destination: state.destination };
        this.#owner.track(this.#gather(this.#state));
        return;
      case "spilling":
      case "gathering":
      case "settled":
        return;
    }
  }

  /** The next bytes, by reference. */
  #take = (bytes: Uint8Array): void => {
    const state = this.#state;
    if ("body" in state) state.body.write(bytes);
    else if ("bytes" in state) state.bytes.add(bytes);
  };

  /** Begins the part's request, which is as long as the bytes are, where all have come. */
  #request({ permit, destination }: { permit: Permit; destination: Destination }): Sending | Passing {
    const { objects } = this.#owner.access;
    const lengthBytes = this.#isEnded ? this.passedBytes : this.lengthBytes;
    if (destination.kind === "part" && this.#windowBytes !== undefined) {
      const body = objects.beginOneShotPart(destination.target, lengthBytes, this.#noteLeft);
      return { kind: "passing", permit, destination, body, room: undefined };
    }
    const body =
      destination.kind === "part"
        ? objects.beginPart(destination.target, lengthBytes)
        : objects.beginPut(destination.target, lengthBytes);
    return { kind: "sending", permit, destination, body };
  }

  /** Goes on with a request, behind whose bytes so far these come. */
  #follow(request: Sending | Passing, bytes: HeldBytes): void {
    this.#state = request;
    for (const one of bytes.move()) request.body.write(one);
    this.#owner.trackRequest(this.#settle(request));
    this.#advance();
  }

  async #settle(request: Sending | Passing): Promise<void> {
    const { body, destination } = request;
    try {
      const ack = await body.done;
      // The answer came together with a spill, which has the bytes now: the part goes on without this request.
      if (this.#state !== request) return;
      this.release();
      body.kept.giveBack();
      await this.#owner.keep(this, destination, ack);
    } catch (error) {
      if (error === SPILLED) return;
      const isMismatch = error instanceof DomainError && error.reason === "CHECKSUM_MISMATCH";
      const wrong = isMismatch ? this.checksum.findWrongChunk(body.kept.pieces) : undefined;
      throw wrong ?? (await this.#owner.explain(this, error));
    }
  }

  async #store(state: Spill, bytes: readonly Uint8Array[]): Promise<void> {
    const { spilled, permit } = state;
    await spilled.add(bytes);
    const storedBytes = spilled.lengthBytes - this.#goneBytes;
    this.#goneBytes = spilled.lengthBytes;
    this.#owner.access.budget.shrink(permit, permit.bytes - storedBytes);
    state.kind = "spilled";
    this.#advance();
  }

  async #gather(state: Gathering): Promise<void> {
    const { access, signal } = this.#owner;
    const { permit, spilled, bytes } = state;
    await access.budget.restore(permit, this.passedBytes - permit.bytes, signal);
    this.#goneBytes = 0;
    const request = this.#request(state);
    try {
      await spilled.read((one) => request.body.write(one));
    } catch (error) {
      request.body.abort(error as Error);
      await request.body.done.catch(() => {});
      throw error;
    }
    this.#follow(request, bytes);
  }

  /** As `grow`. Where no memory is free, half of the window has to leave first. */
  #growWindow(state: Passing): Promise<void> | undefined {
    // Bytes that are gathered for larger writes would wait for bytes that wait for them.
    this.#pieces.flush();
    state.body.flush();
    const { budget } = this.#owner.access;
    const missingBytes = Math.min(this.#windowBytes ?? 0, this.lengthBytes) - state.permit.bytes;
    if (missingBytes > 0 && budget.tryGrow(state.permit, missingBytes)) this.#admit();
    if (this.roomBytes > 0) return undefined;
    state.room = Promise.withResolvers<void>();
    return state.room.promise;
  }

  #noteLeft = (leftBytes: number): void => {
    const { access } = this.#owner;
    this.#goneBytes = leftBytes;
    this.#admit();
    const state = this.#state;
    if (state.kind !== "passing") return;
    if (this.#isEnded) access.budget.shrink(state.permit, this.heldBytes);
    if (this.heldBytes <= state.permit.bytes / 2) state.room?.resolve();
  };

  #admit(): undefined {
    const coveredBytes = "permit" in this.#state ? this.#goneBytes + this.#state.permit.bytes : this.lengthBytes;
    this.#admittedBytes = Math.min(this.lengthBytes, coveredBytes);
  }
}
