import type { FigureRow } from "../figures/figure-row.ts";
import type { Tally } from "./load/tally.ts";
import type { ChaosResult } from "./run-chaos.ts";

/** Examples of what is wrong that a figure shows. */
const EXAMPLES_MAX = 5;

/** The figures of a run under faults. */
export function toChaosFigures(result: ChaosResult): FigureRow[] {
  const { patient, single, awayShare, wrong, doubled, orphans, history, faults } = result;
  return [
    {
      name: "calls that failed in the end, of 1,000 calls of callers that retry",
      measured: round(1000 * patient.failedShare),
      must: { atMost: 1 },
      aim: { atMost: 0 },
      unit: "count",
      note: describe(patient),
    },
    {
      name: "share of failed calls of callers that do not retry ÷ share of the time in which something was away",
      measured: awayShare === 0 ? undefined : single.failedShare / awayShare,
      must: { atMost: 1.5 },
      aim: { atMost: 1 },
      unit: "ratio",
      note: `${describe(single)}; with ${faults.length} faults, something was away for ${toPercent(awayShare)} of the time`,
    },
    toCount("committed files lost or wrong, and answers that were not right", wrong),
    { name: "commits that have come twice", measured: doubled, must: { atMost: 0 }, unit: "count" },
    {
      ...toCount("pairs of contested paths whose calls no order explains", history.problems),
      note: [`${history.calls} calls, judged by ${history.judge}`, ...history.problems]
        .slice(0, EXAMPLES_MAX)
        .join("; "),
    },
    toCount("keys and multipart uploads in the bucket after the sweep that no file owns", orphans),
  ];
}

function toCount(name: string, problems: readonly string[]): FigureRow {
  const note = problems.slice(0, EXAMPLES_MAX).join("; ");
  return { name, measured: problems.length, must: { atMost: 0 }, unit: "count", ...(note !== "" && { note }) };
}

function describe(tally: Tally): string {
  const reasons = tally.failed === 0 ? "" : ` (${tally.describeReasons()})`;
  return `${toPercent(1 - tally.failedShare)} of ${tally.calls} calls were answered${reasons}`;
}

function toPercent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** Two digits behind the point. */
function round(value: number): number {
  return Math.round(100 * value) / 100;
}
