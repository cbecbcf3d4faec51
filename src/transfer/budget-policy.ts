/** How a memory budget deals with parts that come slowly. Times in milliseconds. */
export interface BudgetPolicy {
  /** How many bytes a part asks for at a time, while the pace of its caller is slow or not known. */
  stepBytes: number;
  /** A part is slow when it would take longer than this to become whole, and `slowFactor` times as long as the newest parts took. */
  slowAfterMs: number;
  slowFactor: number;
  /** How many bytes of the budget each stream that writes takes, whatever it brings. A quarter of the budget is left to parts in any case. */
  streamBytes: number;
  /** How many such streams there are at this moment. */
  streams: () => number;
  now: () => number;
}

/** The defaults. A part of 8 MiB in 30 s comes at 2 Mbit/s; where all parts take long, one that takes four times as long is slow. */
export const BUDGET_POLICY: BudgetPolicy = {
  stepBytes: Number.POSITIVE_INFINITY,
  slowAfterMs: 30_000,
  slowFactor: 4,
  streamBytes: 0,
  streams: () => 0,
  now: () => performance.now(),
};
