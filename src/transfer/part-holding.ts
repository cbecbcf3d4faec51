import type { BodyInFlight } from "../domain/object-store.ts";
import type { Upload } from "../domain/uploads/upload.ts";
import type { Holder, MemoryBudget, Permit } from "./memory-budget.ts";
import type { PartInFlight } from "./part-in-flight.ts";
import type { StagedBytes } from "./staged-bytes.ts";

/**
 * What a part in flight holds of the memory budget. Its permit grows as its bytes come. While memory is short a part that
 * comes slowly gives way: its request is dropped, what it holds is staged in S3, and it goes on with an empty hand; whole
 * in the end, it gets memory for all of it in its turn, reads back what was staged, and is sent. So a trickle costs what it
 * holds, others need not wait for it, and it ends all the same, whatever happens beside it.
 */
export class PartHolding implements Holder {
  readonly permit: Permit;
  readonly #part: PartInFlight;
  readonly #budget: MemoryBudget;
  readonly #turn: Upload;
  readonly #staged: StagedBytes;
  readonly #onFailed: (error: unknown) => void;
  readonly #closed = new AbortController();
  #staging: Promise<void> | undefined;
  #hasGivenWay = false;

  constructor(
    part: PartInFlight,
    options: {
      budget: MemoryBudget;
      permit: Permit;
      turn: Upload;
      staged: StagedBytes;
      bytesPerMs: number | undefined;
      /** Bytes could not be staged. */
      onFailed: (error: unknown) => void;
    },
  ) {
    this.#part = part;
    this.permit = options.permit;
    this.#budget = options.budget;
    this.#turn = options.turn;
    this.#staged = options.staged;
    this.#onFailed = options.onFailed;
    this.#budget.hold(this.permit, this, options.bytesPerMs);
    this.#admit();
  }

  get heldBytes(): number {
    return this.#part.passedBytes - this.#staged.lengthBytes;
  }

  get restBytes(): number {
    return Math.max(1, this.#part.lengthBytes - this.#part.passedBytes);
  }

  /** Whether it can be sent only by `gather`: some of its bytes are not here. */
  get hasGivenWay(): boolean {
    return this.#hasGivenWay;
  }

  /** Gets room for more of the part's bytes: undefined when it is there at once. */
  grow(): Promise<void> | undefined {
    const missingBytes = this.#part.lengthBytes - this.#part.admittedBytes;
    const bytes = Math.min(missingBytes, this.#budget.wish(this.restBytes, this.#budget.paceOf(this.permit)));
    if (this.#budget.tryGrow(this.permit, bytes)) return this.#admit();
    const options = { turn: this.#turn, signal: this.#closed.signal };
    return this.#budget.grow(this.permit, bytes, options).then(() => this.#admit());
  }

  onTrimmed(): void {
    this.#admit();
  }

  giveWay(): number {
    const bytes = this.heldBytes;
    if (this.#staging !== undefined || bytes < this.#budget.stepBytes) return 0;
    this.#hasGivenWay = true;
    const withdrawn = this.#part.withdraw(new Error("the part gives way"));
    this.#staging = this.#stage(withdrawn).finally(() => {
      this.#staging = undefined;
    });
    return bytes;
  }

  /** The part is whole and its request is on its way: nothing gives way any more. Returns its pace. */
  letGo(): number | undefined {
    const bytesPerMs = this.#budget.letGo(this.permit);
    this.#budget.shrink(this.permit, this.#part.passedBytes);
    return bytesPerMs;
  }

  /** Gets memory for all bytes of the whole part, and writes those into `body` that were staged. */
  async gather(begin: () => BodyInFlight): Promise<BodyInFlight> {
    await this.#staging;
    this.letGo();
    const { passedBytes } = this.#part;
    await this.#budget.complete(this.permit, passedBytes - this.permit.bytes, this.#closed.signal);
    const body = begin();
    try {
      await this.#staged.read((bytes) => body.write(bytes));
    } catch (error) {
      body.abort(error as Error);
      await body.done.catch(() => {});
      throw error;
    }
    return body;
  }

  /** Gives everything back, now that the part is acknowledged. */
  release(): void {
    this.#budget.release(this.permit);
  }

  /** Gives up what waits for memory or is being staged; resolves once that has ended, never rejects. What is held stays so. */
  async close(reason: Error): Promise<void> {
    this.#closed.abort(reason);
    this.#staged.abort(reason);
    await this.#staging;
  }

  #admit(): undefined {
    const { lengthBytes } = this.#part;
    this.#part.admittedBytes = Math.min(lengthBytes, this.#staged.lengthBytes + this.permit.bytes);
  }

  async #stage(bytes: readonly Uint8Array[]): Promise<void> {
    const before = this.#staged.lengthBytes;
    try {
      await this.#staged.add(bytes);
      this.#budget.shrink(this.permit, this.permit.bytes - (this.#staged.lengthBytes - before));
    } catch (error) {
      this.#onFailed(error);
    }
  }
}
