// `npm run bench:sessions` measures how many uploads at once, slow callers, distance and crashes affect the service, as
// ratios within one run on one machine. See --help.
import { divideStage, findCheckouts } from "./against/checkout.ts";
import { compareCheckouts, printComparisons } from "./against/compare-checkouts.ts";
import { count, number, only, report, runCommand, text, type Values } from "./command-line.ts";
import { type FigureRow, printFigures } from "./figures/figure-row.ts";
import { equalUploads } from "./sessions/equal-uploads.ts";
import { kills } from "./sessions/kills.ts";
import { lanes, lanesTls } from "./sessions/lanes.ts";
import { longLine } from "./sessions/long-line.ts";
import { createManyTrial, manyUploads } from "./sessions/many-uploads.ts";
import type { Scenario } from "./sessions/scenario.ts";
import { tricklers } from "./sessions/tricklers.ts";
import type { Stage } from "./stage/contender.ts";
import { onStage } from "./stage/stage.ts";

const scenarios: readonly Scenario[] = [lanes, lanesTls, manyUploads, tricklers, equalUploads, longLine, kills];
const options = {
  only: only(scenarios.map(({ id }) => id)),
  scale: number("multiply sizes and counts by this, for a short run", 1, [0.02, 1]),
  against: text(
    "DIR",
    "compare another checkout of the project with this one: CPU time of many uploads, and nothing else",
  ),
  rounds: count("pairs of runs of that comparison", 5, [1, 100]),
};
const chunkBytes = 2 ** 20;

await runCommand({
  script: "bench:sessions",
  options,
  check: (values) => {
    if (values.against !== undefined && values.only !== undefined)
      throw new Error("--against compares many uploads alone; leave --only out");
  },
  run: (values) => onStage(chunkBytes, (stage) => measure(stage, values)),
});

async function measure(stage: Stage, run: Values<typeof options>): Promise<number> {
  if (run.against !== undefined) return await compare(run, run.against, stage);
  const rows: FigureRow[] = [];
  for (const scenario of scenarios.filter(({ id }) => run.only?.includes(id) ?? true)) {
    const found = await scenario.measure({ stage, scale: run.scale });
    report(`${scenario.id}: ${found.map(({ measured }) => measured?.toFixed(2) ?? "-").join(", ")}`);
    rows.push(...found);
  }
  return printFigures(rows, { title: `scale ${run.scale}`, facts: { scale: run.scale }, json: run.json });
}

async function compare(run: Values<typeof options>, against: string, stage: Stage): Promise<number> {
  const { scale, rounds, json } = run;
  const checkouts = findCheckouts(against);
  const trials = [createManyTrial(divideStage(stage), scale)];
  return printComparisons(await compareCheckouts(trials, { ...checkouts, rounds, report }), { ...checkouts, json });
}
