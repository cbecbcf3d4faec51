import { appendFileSync } from "node:fs";
import { type MochaOptions, type Runner, reporters } from "mocha";

/** What a run of tests came to. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Mocha's own spec report, and the counts of the run as one line of JSON (TestCounts) at the end of a file, for programs:
 * `mocha --reporter src/testing/count-reporter.ts --reporter-option counts=FILE`.
 */
export default class CountReporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const { counts } = options.reporterOptions as { counts: string };
    runner.once("end", () => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      appendFileSync(counts, `${JSON.stringify({ passed, failed, skipped } satisfies TestCounts)}\n`);
    });
  }
}
