import { markdownTable } from "../figures/markdown-table.ts";
import { type Spread, spreadOf } from "../figures/measure.ts";
import { describeMachine } from "../machine/describe-machine.ts";
import type { Checkout } from "./checkout.ts";

/** The cost of one run of a checkout's service. */
export interface Cost {
  /** The figure and its unit, such as `CPU s per GiB, one stream`. */
  readonly name: string;
  /** The cost is above 0; less is better. */
  readonly value: number;
}

/**
 * Starts a checkout's service, measures what something costs in it, and ends the service again. Nothing is carried to the
 * next run.
 */
export type Trial = (checkout: Checkout) => Promise<readonly Cost[]>;

/** One figure, compared between two checkouts. */
export interface Comparison {
  readonly name: string;
  /** The ratios of the first checkout against itself, one for each round. */
  readonly self: Spread;
  /** The ratios after ÷ before, one for each round. */
  readonly ratio: Spread;
  /** How far a ratio of two runs of the same code is from 1: the median over the rounds. */
  readonly spread: number;
  /** The median ratio must not exceed this. */
  readonly must: number;
  readonly verdict: "met" | "missed";
}

/** A ratio may be above 1 by this many spreads: code that costs the same exceeds that in one comparison of a hundred. */
const SPREADS = 2;
/**
 * The ratio never may be above this, however large the spread: a machine on which the same code differs by more tells nothing.
 */
const MUST_MAX = 1.05;

/**
 * Runs the trials `rounds` times over the first checkout and itself, so that the spread is known, and then `rounds` times
 * over both checkouts. The two runs of a pair follow one another, so that a slow minute of the machine hits both. They change
 * places from round to round.
 */
export async function compareCheckouts(
  trials: readonly Trial[],
  options: { before: Checkout; after: Checkout; rounds: number; report: (what: string) => void },
): Promise<Comparison[]> {
  const { before, after, rounds, report } = options;
  const self = await runPairs(trials, [before, before], { rounds, report, what: "before ÷ itself" });
  const pairs = await runPairs(trials, [before, after], { rounds, report, what: "after ÷ before" });
  return [...pairs].map(([name, ratios]) => judge(name, self.get(name) ?? [], ratios));
}

async function runPairs(
  trials: readonly Trial[],
  [base, other]: readonly [Checkout, Checkout],
  { rounds, report, what }: { rounds: number; report: (what: string) => void; what: string },
): Promise<Map<string, number[]>> {
  const ratios = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const trial of trials) {
      const isSwapped = round % 2 === 1;
      const first = await trial(isSwapped ? other : base);
      const second = await trial(isSwapped ? base : other);
      const [under, over] = isSwapped ? [second, first] : [first, second];
      for (const { name, value } of over) {
        const divisor = under.find((cost) => cost.name === name)?.value;
        if (divisor === undefined) throw new Error(`${base.label} has no figure "${name}" to compare with`);
        ratios.set(name, [...(ratios.get(name) ?? []), value / divisor]);
        report(`${what}, round ${round + 1}/${rounds}: ${name}: ${value.toFixed(3)} ÷ ${divisor.toFixed(3)}`);
      }
    }
  }
  return ratios;
}

function judge(name: string, self: readonly number[], ratios: readonly number[]): Comparison {
  const spread = spreadOf(self.map((ratio) => Math.abs(ratio - 1)))!.median;
  const must = Math.min(1 + SPREADS * spread, MUST_MAX);
  const ratio = spreadOf(ratios)!;
  return { name, self: spreadOf(self)!, ratio, spread, must, verdict: ratio.median <= must ? "met" : "missed" };
}

/**
 * Prints the comparisons as a document for programs or as a table for people. Returns the exit status: 1 when a figure was
 * missed, else 0.
 */
export function printComparisons(
  comparisons: readonly Comparison[],
  { before, after, json }: { before: Checkout; after: Checkout; json: boolean },
): number {
  const machine = describeMachine();
  if (json) process.stdout.write(`${JSON.stringify({ machine, before, after, comparisons }, null, 2)}\n`);
  else
    process.stdout.write(
      `${machine}\nbefore: ${before.label}\nafter: ${after.label}\n\n${showComparisons(comparisons)}\n`,
    );
  return comparisons.every(({ verdict }) => verdict === "met") ? 0 : 1;
}

/** The comparisons as a table. */
export function showComparisons(comparisons: readonly Comparison[]): string {
  const cells = comparisons.map(({ name, self, ratio, spread, must, verdict }) => [
    name,
    showRange(self),
    showRange(ratio),
    spread.toFixed(3),
    `≤ ${must.toFixed(3)}`,
    verdict,
  ]);
  return markdownTable(["figure", "before ÷ itself", "after ÷ before", "spread", "must", ""], cells);
}

function showRange({ median, min, max }: Spread): string {
  return `${median.toFixed(3)} [${min.toFixed(3)}-${max.toFixed(3)}]`;
}
