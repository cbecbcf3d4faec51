import { BUDGET_POLICY, type BudgetPolicy } from "./budget-policy.ts";
import { FairQueue, type Turn } from "./fair-queue.ts";
import { PartPace } from "./part-pace.ts";
import { SingleFile } from "./single-file.ts";

/** A share of the budget; MemoryBudget alone changes it. */
export interface Permit {
  /** Bytes that may be held under it. */
  readonly bytes: number;
}

/** Whoever holds the bytes of a part that is not whole yet, and may have to give way. */
export interface Holder {
  /** Bytes that are kept in memory. */
  readonly heldBytes: number;
  /** Bytes that are still to come; at least 1, as long as anything is. */
  readonly restBytes: number;
  /** The permit was cut to little more than what is held: no more may be taken than that before it has grown again. */
  onTrimmed(): void;
  /**
   * Begins to put held bytes elsewhere, and returns how many; `shrink` or `release` follows when they are gone. 0: it cannot
   * now, or it would not be worth it.
   */
  spill(): number;
}

/** How often `look` is to be called, in milliseconds: so long somebody may wait before slow parts are asked to give way. */
export const REBALANCE_EVERY_MS = 250;
/** A slow part takes what comes within this time, if that is more than a step. */
const STEP_MS = 2000;
/** Nobody is called slow before so much of the time has passed that a part may take. */
const GRACE_SHARE = 0.25;
/** What parts may have together at least, however many streams there are. */
const PARTS_SHARE_MIN = 0.25;
/** What is still counted, a look later, of streams that have ended: the collector takes seconds to give back what they had. */
const ENDED_SHARE = 0.97;
/** How much the newest part that became whole counts for how long parts take. */
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
  /** Bytes that the holder is putting elsewhere. */
  spillingBytes = 0;
}

/**
 * The process's bytes for parts in flight: no byte is taken from a caller that no permit covers, so the sum of permits
 * bounds the memory of all uploads.
 *
 * A permit grows as bytes come: by small steps for a slow caller, by all that is missing for a fast one. Who waits is
 * served in turns (FairQueue), and large wishes are not overtaken by small ones that would fit: else they would starve.
 *
 * While somebody waits, slow parts give way at each `look`: first what they do not use is taken back, then what they hold
 * goes elsewhere, the largest first. That nothing stands still for good follows: a whole part is on its way to S3, which
 * ends, or has its turn to be put together again; a fast one becomes whole, or slow; a slow one gives way; and where all
 * that is left waits for each other, that gives way too.
 */
export class MemoryBudget {
  readonly totalBytes: number;
  readonly #policy: BudgetPolicy;
  #usedBytes = 0;
  #spillingBytes = 0;
  readonly #waiting = new FairQueue<{ permit: Permit; bytes: number; grant: () => void }>();
  readonly #held = new Set<BudgetPermit>();
  /** Whole parts that are put together again beyond the budget. */
  readonly #restoring = new SingleFile<Permit>();
  /** How long parts take to become whole, of late. */
  #typicalMs = 0;
  /** Of streams, among them those that ended of late. */
  #streamsBytes = 0;

  constructor(totalBytes: number, policy: Partial<BudgetPolicy> = {}) {
    this.totalBytes = totalBytes;
    this.#policy = { ...BUDGET_POLICY, ...policy };
  }

  /** Bytes under permit now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Least bytes that are worth giving way. */
  get stepBytes(): number {
    return this.#policy.stepBytes;
  }

  /** A permit of no bytes yet. */
  open(): Permit {
    return new BudgetPermit();
  }

  /** Lets the permit grow, if that is free and nobody waits before. */
  tryGrow(permit: Permit, bytes: number): boolean {
    if (!this.#waiting.isEmpty || this.#lackFor(permit, bytes) > 0) return false;
    this.overdraw(permit, bytes);
    return true;
  }

  /**
   * Lets the permit grow once its turn comes. Rejects with the signal's reason when that aborts first. A permit of more
   * bytes than the whole budget is a bug of the caller: part sizes are bounded when an upload is created.
   */
  grow(permit: Permit, bytes: number, options: { turn: Turn; signal: AbortSignal }): Promise<void> {
    const { turn, signal } = options;
    const budgetPermit = permit as BudgetPermit;
    if (permit.bytes + bytes > this.totalBytes) {
      throw new Error(`a permit of ${permit.bytes + bytes} bytes; the budget is ${this.totalBytes}`);
    }
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.tryGrow(permit, bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
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
    });
  }

  /**
   * Lets the permit grow at once, beyond the budget if need be: for bytes without which earlier permits could never come
   * back. Its holder keeps no more than those bytes beyond the budget; everybody else waits until it is repaid.
   */
  overdraw(permit: Permit, bytes: number): void {
    (permit as BudgetPermit).bytes += bytes;
    this.#usedBytes += bytes;
  }

  /**
   * Lets the permit of a whole part grow, of which some bytes went elsewhere: at once where they are free, else beyond the
   * budget, one such part at a time until its permit is released. It must not wait for bytes that others hold, which may wait
   * for its own. Rejects with the signal's reason when that aborts first.
   */
  async restore(permit: Permit, bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (bytes === 0 || this.tryGrow(permit, bytes)) return;
    await this.#restoring.enter(permit, signal);
    this.overdraw(permit, bytes);
  }

  /** Gives back what is above `toBytes`. Ends a giving way. */
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
    this.#held.delete(permit as BudgetPermit);
    this.shrink(permit, 0);
    this.#restoring.leave(permit);
  }

  /** From here on the part counts as coming, fast or slowly; `bytesPerMs` is how fast earlier ones of the caller came. */
  watch(permit: Permit, holder: Holder, bytesPerMs?: number): void {
    const now = this.#policy.now();
    const pace = new PartPace({ restBytes: holder.restBytes, now, bytesPerMs });
    const budgetPermit = permit as BudgetPermit;
    budgetPermit.holding = { holder, pace, since: now };
    this.#held.add(budgetPermit);
  }

  /** The part is whole, and on its way: it need not give way any more. Returns how fast it came, in bytes a millisecond. */
  unwatch(permit: Permit): number | undefined {
    const { holding } = permit as BudgetPermit;
    if (!this.#held.delete(permit as BudgetPermit) || holding === undefined) return undefined;
    const now = this.#policy.now();
    // One that took for ever says nothing of how long the others take.
    const tookMs = Math.min(now - holding.since, this.#slowMs());
    this.#typicalMs += (tookMs - this.#typicalMs) * NEWEST_SHARE;
    return holding.pace.at(0, now);
  }

  /** What a part should ask for next: all that is missing when it comes fast, what comes within a short time otherwise. */
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
    // In time for what it wishes next: one that hardly got any bytes between waits must not count as slow for that.
    pace.sample(holder.restBytes, now);
    return pace.at(holder.restBytes, now);
  }

  /** Looks how parts come along, and has slow ones give way while somebody waits: to be called by the clock, a few times a second. */
  rebalance(): void {
    const now = this.#policy.now();
    for (const { holding } of this.#held) holding?.pace.sample(holding.holder.restBytes, now);
    this.#streamsBytes *= ENDED_SHARE;
    this.#serve();
    if (this.#lackBytes() <= 0) return;
    const slow = [...this.#held].filter((permit) => this.#isSlow(permit, now));
    for (const permit of slow) {
      if (this.#lackBytes() <= 0) return;
      this.#trim(permit);
    }
    this.#spillLargest(slow);
    if (this.#lackBytes() > 0 && this.#isStuck(now)) this.#spillLargest([...this.#held]);
  }

  /** What the one whose turn it is lacks, beside what is about to come back. */
  #lackBytes(): number {
    const next = this.#waiting.peek();
    return next === undefined ? 0 : this.#lackFor(next.permit, next.bytes) - this.#spillingBytes;
  }

  /** How many bytes are too few for the permit to grow, if positive. One that is alone may have the whole budget. */
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

  /** Whether nothing moves by itself: every permit's bytes are of parts that are slow or wait. */
  #isStuck(now: number): boolean {
    let heldBytes = 0;
    for (const permit of this.#held) {
      if (!permit.isWaiting && !this.#isSlow(permit, now)) return false;
      heldBytes += permit.bytes;
    }
    return heldBytes === this.#usedBytes;
  }

  /** Takes back what the part does not use; a step is left to it, or every drop of it would have to ask. */
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
