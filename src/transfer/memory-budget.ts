import { recordMetric } from "../telemetry/metrics.ts";
import { BUDGET_POLICY, type BudgetPolicy } from "./budget-policy.ts";
import { FairQueue, type Turn } from "./fair-queue.ts";
import { PartPace } from "./part-pace.ts";
import { SingleFile } from "./single-file.ts";

/** A share of the budget; MemoryBudget alone changes it. */
export interface Permit {
  /** Bytes that may be held under it. */
  readonly bytes: number;
}

/** Holds the bytes of a part that is not whole yet, and may be asked to spill them. */
export interface Holder {
  /** Bytes that are kept in memory. */
  readonly heldBytes: number;
  /** Bytes that are still to come; at least 1, as long as anything is. */
  readonly restBytes: number;
  /** The permit was cut: no more bytes may be taken than it covers now, until it has grown again. */
  onTrimmed(): void;
  /**
   * Begins to move the held bytes out of memory, and returns how many; the holder calls `shrink` or `release` once they are
   * gone. Returns 0 when the holder cannot spill now, or when that would not be worth it.
   */
  spill(): number;
}

/** How often `rebalance` is to be called, in milliseconds: a part may wait so long before slow parts are asked to spill. */
export const REBALANCE_EVERY_MS = 250;
/** A slow part asks for the bytes that come within this time, if these are more than a step. */
const STEP_MS = 2000;
/** No part counts as slow before this share of the time has passed that a part may take. */
const GRACE_SHARE = 0.25;
/** Share of the budget that parts may have together at least, however many streams there are. */
const PARTS_SHARE_MIN = 0.25;
/**
 * Share of the bytes of streams that is still counted at the next `rebalance`, after the streams have ended: the collector takes
 * seconds to give their memory back.
 */
const ENDED_SHARE = 0.97;
/** Weight of the newest whole part in the mean of how long parts take. */
const NEWEST_SHARE = 0.1;

interface Holding {
  holder: Holder;
  pace: PartPace;
  since: number;
}

class BudgetPermit implements Permit {
  bytes = 0;
  holding: Holding | undefined;
  isWaiting = false;
  /** Bytes that the holder is spilling. */
  spillingBytes = 0;
}

/**
 * The process's bytes for parts in flight: no byte is taken from a caller that no permit covers, so the sum of permits
 * bounds the memory of all uploads.
 *
 * A permit grows as bytes come: by small steps for a slow caller, by all that is missing for a fast one. Parts that wait are
 * served in turns (FairQueue). A small wish that would fit does not overtake a large one, which would starve otherwise.
 *
 * While a part waits, each `rebalance` takes memory from slow parts: first the bytes of their permits that they do not use,
 * then they spill what they hold, the largest first. So nothing stands still for good. A whole part is on its way to S3, which
 * ends, or has its turn to be read back. A fast part becomes whole, or slow. A slow part spills. Where all parts that are left
 * wait for each other, these spill as well.
 */
export class MemoryBudget {
  readonly totalBytes: number;
  readonly #policy: BudgetPolicy;
  #usedBytes = 0;
  #spillingBytes = 0;
  readonly #waiting = new FairQueue<{ permit: Permit; bytes: number; grant: () => void }>();
  readonly #watched = new Set<BudgetPermit>();
  /** Whole parts whose spilled bytes are read back beyond the budget. */
  readonly #restoring = new SingleFile<Permit>();
  /** How long parts take to become whole, as a mean of the newest ones. */
  #typicalMs = 0;
  /** Bytes of streams, some of them of streams that have ended. */
  #streamsBytes = 0;

  constructor(totalBytes: number, policy: Partial<BudgetPolicy> = {}) {
    this.totalBytes = totalBytes;
    this.#policy = { ...BUDGET_POLICY, ...policy };
  }

  /** Bytes under permit now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Fewest bytes that are worth a spill. */
  get stepBytes(): number {
    return this.#policy.stepBytes;
  }

  /** A permit of no bytes yet. */
  open(): Permit {
    return new BudgetPermit();
  }

  /** Lets the permit grow, if so many bytes are free and no part waits for its turn. */
  tryGrow(permit: Permit, bytes: number): boolean {
    if (!this.#waiting.isEmpty || this.#lackFor(permit, bytes) > 0) return false;
    this.overdraw(permit, bytes);
    return true;
  }

  /**
   * Lets the permit grow once its turn comes. Rejects with the signal's reason when that aborts first. A permit of more
   * bytes than the whole budget is a bug of the caller: part sizes are bounded when an upload is created.
   */
  grow(permit: Permit, bytes: number, { turn, signal }: { turn: Turn; signal: AbortSignal }): Promise<void> {
    const budgetPermit = permit as BudgetPermit;
    if (permit.bytes + bytes > this.totalBytes) {
      throw new Error(`a permit of ${permit.bytes + bytes} bytes; the budget is ${this.totalBytes}`);
    }
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.tryGrow(permit, bytes)) return Promise.resolve();
    const begun = this.#policy.now();
    return new Promise<void>((resolve, reject) => {
      const grant = () => {
        signal.removeEventListener("abort", onAbort);
        budgetPermit.isWaiting = false;
        budgetPermit.holding?.pace.goOn(this.#policy.now());
        this.overdraw(permit, bytes);
        resolve();
      };
      const entry = { permit, bytes, grant };
      const onAbort = () => {
        budgetPermit.isWaiting = false;
        this.#waiting.remove(turn, entry);
        reject(signal.reason);
        this.#serve();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      budgetPermit.isWaiting = true;
      budgetPermit.holding?.pace.holdBack(this.#policy.now());
      this.#waiting.push(turn, entry);
    }).finally(() => recordMetric("sluice.memory.wait.duration", (this.#policy.now() - begun) / 1000, {}));
  }

  /**
   * Lets the permit grow at once, beyond the budget if need be. It is for bytes without which earlier permits could never be
   * given back. All others wait until the bytes beyond the budget are given back.
   */
  overdraw(permit: Permit, bytes: number): void {
    (permit as BudgetPermit).bytes += bytes;
    this.#usedBytes += bytes;
  }

  /**
   * Lets the permit of a whole part grow for the bytes that were spilled: at once where so many are free, else beyond the
   * budget, one such part at a time until its permit is released. The part must not wait for bytes that others hold, because
   * these may wait for its own. Rejects with the signal's reason when that aborts first.
   */
  async restore(permit: Permit, bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (bytes === 0 || this.tryGrow(permit, bytes)) return;
    await this.#restoring.enter(permit, signal);
    this.overdraw(permit, bytes);
  }

  /** Gives back what is above `toBytes`. Ends a spill, if one is under way. */
  shrink(permit: Permit, toBytes: number): void {
    const budgetPermit = permit as BudgetPermit;
    this.#spillingBytes -= budgetPermit.spillingBytes;
    budgetPermit.spillingBytes = 0;
    if (permit.bytes <= toBytes) return;
    this.#usedBytes -= permit.bytes - toBytes;
    budgetPermit.bytes = toBytes;
    this.#serve();
  }

  /** Gives the permit back; further calls do nothing. */
  release(permit: Permit): void {
    this.#watched.delete(permit as BudgetPermit);
    this.shrink(permit, 0);
    this.#restoring.leave(permit);
  }

  /**
   * From here on the part of the permit counts as fast or slow, and may be asked to spill. `bytesPerMs` is how fast earlier parts
   * of the caller came.
   */
  watch(permit: Permit, holder: Holder, bytesPerMs?: number): void {
    const now = this.#policy.now();
    const pace = new PartPace({ restBytes: holder.restBytes, now, bytesPerMs });
    const budgetPermit = permit as BudgetPermit;
    budgetPermit.holding = { holder, pace, since: now };
    this.#watched.add(budgetPermit);
  }

  /** The part is whole: it is not asked to spill any more. Returns how fast it came, in bytes a millisecond. */
  unwatch(permit: Permit): number | undefined {
    const { holding } = permit as BudgetPermit;
    if (!this.#watched.delete(permit as BudgetPermit) || holding === undefined) return undefined;
    const now = this.#policy.now();
    // A part that took very long says nothing of how long the others take.
    const tookMs = Math.min(now - holding.since, this.#slowMs());
    this.#typicalMs += (tookMs - this.#typicalMs) * NEWEST_SHARE;
    return holding.pace.at(0, now);
  }

  /** How many bytes a part should ask for next: all that are missing when it comes fast, else those that come within a short time. */
  wish(restBytes: number, bytesPerMs: number | undefined): number {
    const { stepBytes } = this.#policy;
    if (restBytes <= stepBytes) return restBytes;
    if (bytesPerMs === undefined) return stepBytes;
    if (restBytes <= bytesPerMs * this.#slowMs()) return restBytes;
    return Math.min(restBytes, Math.max(stepBytes, Math.ceil(bytesPerMs * STEP_MS)));
  }

  /** How fast the bytes under a permit come. */
  paceOf(permit: Permit): number | undefined {
    const { holding } = permit as BudgetPermit;
    if (holding === undefined) return undefined;
    const { holder, pace } = holding;
    const now = this.#policy.now();
    // A sample just before its next wish: a part that got hardly any bytes between two waits must not count as slow for that.
    pace.sample(holder.restBytes, now);
    return pace.at(holder.restBytes, now);
  }

  /** Samples how fast parts come, and takes memory from slow ones while others wait. To be called by the clock, a few times a second. */
  rebalance(): void {
    const now = this.#policy.now();
    for (const { holding } of this.#watched) holding?.pace.sample(holding.holder.restBytes, now);
    this.#streamsBytes *= ENDED_SHARE;
    this.#serve();
    if (this.#lackBytes() <= 0) return;
    const slow = [...this.#watched].filter((permit) => this.#isSlow(permit, now));
    for (const permit of slow) {
      if (this.#lackBytes() <= 0) return;
      this.#trim(permit);
    }
    this.#spillLargest(slow);
    if (this.#lackBytes() > 0 && this.#isStuck(now)) this.#spillLargest([...this.#watched]);
  }

  /** How many bytes the part lacks whose turn it is, beside those that are being spilled. */
  #lackBytes(): number {
    const next = this.#waiting.peek();
    return next === undefined ? 0 : this.#lackFor(next.permit, next.bytes) - this.#spillingBytes;
  }

  /** How many bytes are missing for the permit to grow, if positive. A permit that is alone may have the whole budget. */
  #lackFor(permit: Permit, bytes: number): number {
    this.#streamsBytes = Math.max(this.#streamsBytes, this.#policy.streams() * this.#policy.streamBytes);
    const sharedBytes = Math.max(this.totalBytes * PARTS_SHARE_MIN, this.totalBytes - this.#streamsBytes);
    return this.#usedBytes + bytes - Math.max(sharedBytes, Math.min(this.totalBytes, permit.bytes + bytes));
  }

  #isSlow({ holding }: BudgetPermit, now: number): boolean {
    if (holding === undefined) return false;
    const { restBytes } = holding.holder;
    const slowMs = this.#slowMs();
    if (now - holding.since < slowMs * GRACE_SHARE) return false;
    const bytesPerMs = holding.pace.at(restBytes, now);
    return bytesPerMs !== undefined && restBytes > bytesPerMs * slowMs;
  }

  #slowMs(): number {
    return Math.max(this.#policy.slowAfterMs, this.#policy.slowFactor * this.#typicalMs);
  }

  /** Whether no memory comes back by itself: all permits are of parts that are slow or wait. */
  #isStuck(now: number): boolean {
    let heldBytes = 0;
    for (const permit of this.#watched) {
      if (!permit.isWaiting && !this.#isSlow(permit, now)) return false;
      heldBytes += permit.bytes;
    }
    return heldBytes === this.#usedBytes;
  }

  /** Takes back what the part does not use, but for a step: without one, it would have to ask for memory with each few bytes. */
  #trim(permit: BudgetPermit): void {
    const holder = permit.holding?.holder;
    const toBytes = (holder?.heldBytes ?? 0) + this.#policy.stepBytes;
    if (holder === undefined || permit.spillingBytes > 0 || permit.bytes <= toBytes) return;
    this.shrink(permit, toBytes);
    holder.onTrimmed();
  }

  #spillLargest(permits: readonly BudgetPermit[]): void {
    const heldBytes = ({ holding }: BudgetPermit) => holding?.holder.heldBytes ?? 0;
    for (const permit of permits.toSorted((a, b) => heldBytes(b) - heldBytes(a))) {
      if (this.#lackBytes() <= 0) return;
      if (permit.spillingBytes > 0) continue;
      permit.spillingBytes = permit.holding?.holder.spill() ?? 0;
      this.#spillingBytes += permit.spillingBytes;
    }
  }

  #serve(): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (this.#lackFor(next.permit, next.bytes) > 0) return;
      this.#waiting.shift();
      next.grant();
    }
  }
}
