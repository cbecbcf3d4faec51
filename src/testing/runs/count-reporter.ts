import { appendFileSync } from "node:fs";
import { relative } from "node:path";
import { type MochaOptions, type Runner, reporters } from "mocha";

/** The counts of a run of tests. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
  /** Each failed test or hook: its full title, a colon and the first line of its error. */
  failures: string[];
  /** The files whose tests took longest together, without their hooks, the slowest first. */
  slowest: { file: string; seconds: number }[];
}

const SLOWEST_MAX = 10;

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
    const spentMs = new Map<string, number>();
    runner.on("test end", ({ file = "", duration = 0 }) => spentMs.set(file, (spentMs.get(file) ?? 0) + duration));
    runner.once("end", () => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      const slowest = toSlowest(spentMs);
      appendFileSync(
        counts,
        `${JSON.stringify({ passed, failed, skipped, failures, slowest } satisfies TestCounts)}\n`,
      );
    });
  }
}

function toSlowest(spentMs: ReadonlyMap<string, number>): TestCounts["slowest"] {
  return [...spentMs]
    .sort(([, one], [, other]) => other - one)
    .slice(0, SLOWEST_MAX)
    .map(([file, ms]) => ({ file: relative(process.cwd(), file), seconds: Math.round(ms / 100) / 10 }));
}
