import type { Outcome } from "./caller.ts";

/** Counts what became of calls. */
export class Tally {
  calls = 0;
  failed = 0;
  /** How often calls failed, by the reason. */
  readonly reasons = new Map<string, number>();

  /** Counts an outcome, and passes it on. */
  count<T>(outcome: Outcome<T>): Outcome<T> {
    this.calls++;
    if (outcome.kind === "failed") {
      this.failed++;
      this.reasons.set(outcome.reason, (this.reasons.get(outcome.reason) ?? 0) + 1);
    }
    return outcome;
  }

  /** The share of calls that failed, from 0 to 1. */
  get failedShare(): number {
    return this.calls === 0 ? 0 : this.failed / this.calls;
  }

  /** The reasons with their counts, the most frequent first. */
  describeReasons(): string {
    const sorted = [...this.reasons].sort(([, a], [, b]) => b - a);
    return sorted.map(([reason, count]) => `${reason} ${count}`).join(", ");
  }
}
