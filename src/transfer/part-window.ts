import type { UnkeptBodyEvents, UnkeptBodyInFlight } from "../domain/object-store.ts";
import type { Holder, MemoryBudget, Permit } from "./memory-budget.ts";
import type { PartInFlight } from "./part-in-flight.ts";

/**
 * What a part that is not kept holds of the memory budget: a window for the bytes that came and have not left for S3. It
 * begins small for a caller whose pace is not known, grows where memory is free and is cut where others wait; however
 * small it is, bytes go through it, so nobody waits for memory here. Nothing can give way: there is nothing to put
 * elsewhere.
 */
export class PartWindow implements Holder {
  readonly permit: Permit;
  /** As of a PartHolding. */
  readonly hasGivenWay = false;
  readonly #part: PartInFlight;
  readonly #budget: MemoryBudget;
  readonly #windowBytes: number;
  readonly #signal: AbortSignal;
  #body: UnkeptBodyInFlight | undefined;
  #leftBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  /** `signal` ends the waiting for room. */
  constructor(
    part: PartInFlight,
    options: {
      budget: MemoryBudget;
      permit: Permit;
      bytesPerMs: number | undefined;
      windowBytes: number;
      signal: AbortSignal;
    },
  ) {
    this.#part = part;
    this.permit = options.permit;
    this.#budget = options.budget;
    this.#windowBytes = options.windowBytes;
    this.#signal = options.signal;
    this.#budget.hold(this.permit, this, options.bytesPerMs);
    this.#admit();
  }

  get heldBytes(): number {
    return this.#part.passedBytes - this.#leftBytes;
  }

  get restBytes(): number {
    return Math.max(1, this.#part.lengthBytes - this.#part.passedBytes);
  }

  /** Begins the part's body, whose bytes come through the window; `onReleased` as of UnkeptBodyEvents. */
  begin(
    beginBody: (events: UnkeptBodyEvents) => UnkeptBodyInFlight,
    onReleased: UnkeptBodyEvents["onReleased"],
  ): UnkeptBodyInFlight {
    this.#body = beginBody({ onReleased, onLeft: (leftBytes) => this.#noteLeft(leftBytes) });
    return this.#body;
  }

  /** Gets room for more of the part's bytes: undefined when it is there at once, else once half of the window has left. */
  grow(): Promise<void> | undefined {
    // What is gathered for larger writes would else wait for bytes that wait for it.
    this.#part.flush();
    this.#body?.flush();
    const missingBytes = Math.min(this.#windowBytes, this.#part.lengthBytes) - this.permit.bytes;
    if (missingBytes > 0 && this.#budget.tryGrow(this.permit, missingBytes)) this.#admit();
    if (this.#part.roomBytes > 0) return undefined;
    const room = Promise.withResolvers<void>();
    this.#room = room;
    const onAbort = () => room.reject(this.#signal.reason);
    this.#signal.addEventListener("abort", onAbort, { once: true });
    return room.promise.finally(() => this.#signal.removeEventListener("abort", onAbort));
  }

  onTrimmed(): void {
    this.#admit();
  }

  giveWay(): number {
    return 0;
  }

  /** The part is whole, and leaves. Returns its pace. */
  letGo(): number | undefined {
    const bytesPerMs = this.#budget.paceOf(this.permit);
    this.#budget.shrink(this.permit, this.heldBytes);
    return bytesPerMs;
  }

  /** Gives everything back. */
  release(): void {
    this.#budget.release(this.permit);
  }

  /** As of a PartHolding: nothing is under way here that the writer's signal does not end. */
  async close(): Promise<void> {}

  #noteLeft(leftBytes: number): void {
    this.#leftBytes = leftBytes;
    this.#admit();
    if (this.#part.isEnded) this.#budget.shrink(this.permit, this.heldBytes);
    if (this.heldBytes <= this.permit.bytes / 2) this.#room?.resolve();
  }

  #admit(): void {
    this.#part.admittedBytes = Math.min(this.#part.lengthBytes, this.#leftBytes + this.permit.bytes);
  }
}
