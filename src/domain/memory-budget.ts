import { FairQueue, type Turn } from "./fair-queue.ts";

/** Gives a permit's bytes back; further calls do nothing. */
export type Release = () => void;

/**
 * The process's bytes for parts in flight. A permit is taken before a part's bytes are read, so the sum of permits
 * bounds the memory of all uploads. Who waits is served in turns (FairQueue), and large permits are not overtaken by
 * small ones that would fit: else they would starve.
 */
export class MemoryBudget {
  readonly totalBytes: number;
  #usedBytes = 0;
  readonly #waiting = new FairQueue<{ bytes: number; grant: (release: Release) => void }>();

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes;
  }

  /** Bytes under permit now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** A permit, if it is free and nobody waits before. */
  tryAcquire(bytes: number): Release | undefined {
    if (!this.#waiting.isEmpty || this.#usedBytes + bytes > this.totalBytes) return undefined;
    return this.#grant(bytes);
  }

  /**
   * A permit, once its turn comes. Rejects with the signal's reason when that aborts first. More bytes than the whole
   * budget is a bug of the caller: part sizes are bounded when an upload is created.
   */
  acquire(bytes: number, options: { turn: Turn; signal: AbortSignal }): Promise<Release> {
    const { turn, signal } = options;
    if (bytes > this.totalBytes) throw new Error(`a permit of ${bytes} bytes; the budget is ${this.totalBytes}`);
    if (signal.aborted) return Promise.reject(signal.reason);
    const release = this.tryAcquire(bytes);
    if (release !== undefined) return Promise.resolve(release);
    return new Promise((resolve, reject) => {
      const entry = {
        bytes,
        grant: (granted: Release) => {
          signal.removeEventListener("abort", onAbort);
          resolve(granted);
        },
      };
      const onAbort = () => {
        this.#waiting.remove(turn, entry);
        reject(signal.reason);
        this.#serve();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(turn, entry);
    });
  }

  /**
   * A permit at once, beyond the budget if need be: for bytes without which earlier permits could never come back. Its
   * holder keeps no more than those bytes beyond the budget; everybody else waits until it is repaid.
   */
  overdraw(bytes: number): Release {
    return this.#grant(bytes);
  }

  #grant(bytes: number): Release {
    this.#usedBytes += bytes;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#usedBytes -= bytes;
      this.#serve();
    };
  }

  #serve(): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (this.#usedBytes + next.bytes > this.totalBytes) return;
      this.#waiting.shift();
      next.grant(this.#grant(next.bytes));
    }
  }
}
