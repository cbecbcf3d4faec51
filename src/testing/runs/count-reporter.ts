import { appendFileSync } from "node:fs";
import { type MochaOptions, type Runner, reporters } from "mocha";

/** The counts of a run of tests. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
  /** Each failed test or hook: its full title, a colon and the first line of its error. */
  failures: string[];
}

/**
 * Mocha's own spec report, and the counts of the run as one line of JSON (TestCounts) at the end of a file, for programs:
 * `mocha --reporter src/testing/runs/count-reporter.ts --reporter-option counts=FILE`.
 */
export default class CountReporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const { counts } = options.reporterOptions as { counts: string };
    const failures: string[] = [];
    runner.on("fail", (test, error) =>
      failures.push(`${test.fullTitle()}: ${`${error?.message ?? error}`.split("\n", 1)[0]}`),
    );
    runner.once("end", () => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      appendFileSync(counts, `${JSON.stringify({ passed, failed, skipped, failures } satisfies TestCounts)}\n`);
    });
  }
}
