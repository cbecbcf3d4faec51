/** How a memory budget deals with parts that come slowly. Times in milliseconds. */
export interface BudgetPolicy {
  /** What a part of a caller whose pace is not known, or slow, takes at a time, in bytes. */
  stepBytes: number;
  /** A part is slow that would take longer than this to become whole, and `slowFactor` times as long as parts take of late. */
  slowAfterMs: number;
  slowFactor: number;
  /** What a stream that writes takes of the budget, whatever it brings, in bytes; parts are left a quarter of it at least. */
  streamBytes: number;
  /** How many such streams there are at this moment. */
  streams: () => number;
  now: () => number;
}

/** What is not said otherwise. A part of 8 MiB in 30 s is 2 Mbit/s; where all take long, four times as long is slow. */
export const BUDGET_POLICY: BudgetPolicy = {
  ...{ stepBytes: Number.POSITIVE_INFINITY, slowAfterMs: 30_000, slowFactor: 4, streamBytes: 0 },
  streams: () => 0,
  now: () => performance.now(),
};
