import { Breaker, type BreakerLimits, type OperationClass } from "./breaker.ts";

/** Runs one S3 request behind the breaker of its class; rejects with code EOPENBREAKER while that is open. */
export type Breakers = <T>(operation: OperationClass, request: () => Promise<T>) => Promise<T>;

/** How many breakers are kept, and for how long. */
export interface KeptBreakers {
  breakersMax: number;
  /** A breaker without a request for this long is forgotten, in milliseconds; longer than a breaker remembers failures. */
  idleMs: number;
}

/** Some 200 busy buckets with all classes. A breaker takes about 10 KiB, and one that is forgotten costs its failures only. */
const KEPT: KeptBreakers = { breakersMax: 1024, idleMs: 5 * 60_000 };
/** Breakers that one request looks at to forget some: two for the one that it may make, so that their number sinks. */
const LOOKED_AT = 2;

/** A breaker of one bucket and class. */
interface Entry {
  breaker: Breaker;
  running: number;
  /** When a request began or ended last. */
  usedAtMs: number;
}

/**
 * A breaker for each bucket and class of requests, so that a bucket that fails opens the breaker of no other bucket. They are
 * bounded in number, besides those with requests under way, which the slots bound. A breaker that is forgotten is closed when
 * its bucket is used again.
 */
export class BucketBreakers {
  readonly #limits: BreakerLimits;
  readonly #onChange: (at: { bucket: string; operation: OperationClass }, isOpen: boolean) => void;
  readonly #kept: KeptBreakers;
  readonly #now: () => number;
  /** By class and bucket; the one that was used longest ago comes first. */
  readonly #entries = new Map<string, Entry>();

  constructor(
    limits: BreakerLimits,
    options: {
      onChange?: (at: { bucket: string; operation: OperationClass }, isOpen: boolean) => void;
      kept?: KeptBreakers;
      /** A monotonic clock, in milliseconds. */
      now?: () => number;
    } = {},
  ) {
    const { onChange = () => {}, kept = KEPT, now = () => performance.now() } = options;
    this.#limits = limits;
    this.#onChange = onChange;
    this.#kept = kept;
    this.#now = now;
  }

  /** How many breakers are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** The breakers of a bucket. */
  of(bucket: string): Breakers {
    return (operation, request) => this.#run({ bucket, operation }, request);
  }

  async #run<T>(at: { bucket: string; operation: OperationClass }, request: () => Promise<T>): Promise<T> {
    const key = `${at.operation} ${at.bucket}`;
    const entry = this.#entries.get(key) ?? this.#begin(at);
    entry.running++;
    this.#touch(key, entry);
    this.#forgetSome();
    try {
      return await entry.breaker.run(request);
    } finally {
      entry.running--;
      this.#touch(key, entry);
    }
  }

  #begin(at: { bucket: string; operation: OperationClass }): Entry {
    const breaker = new Breaker(this.#limits, (isOpen) => this.#onChange(at, isOpen));
    return { breaker, running: 0, usedAtMs: this.#now() };
  }

  #touch(key: string, entry: Entry): void {
    entry.usedAtMs = this.#now();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  /** Looks at the breakers that were used longest ago. Those with requests under way are in use, however long that takes. */
  #forgetSome(): void {
    const { breakersMax, idleMs } = this.#kept;
    let lookedAt = 0;
    for (const [key, entry] of this.#entries) {
      if (lookedAt++ >= LOOKED_AT) return;
      if (entry.running > 0) this.#touch(key, entry);
      else if (this.#entries.size > breakersMax || this.#now() - entry.usedAtMs >= idleMs) {
        this.#entries.delete(key);
        entry.breaker.end();
      }
    }
  }
}
