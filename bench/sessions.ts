// `npm run bench:sessions` measures how many uploads at once, slow callers, distance and crashes affect the service, as
// ratios within one run on one machine. See --help.
import { parseArgs } from "node:util";
import { divideStage, findCheckouts } from "./against/checkout.ts";
import { compareCheckouts, printComparisons } from "./against/compare-checkouts.ts";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, parseNames, parseNumber, runCommand } from "./command-line.ts";
import type { Stage } from "./contender.ts";
import { describeMachine } from "./describe-machine.ts";
import { equalUploads } from "./sessions/equal-uploads.ts";
import { type FigureRow, judge, showFigures } from "./sessions/figure-row.ts";
import { kills } from "./sessions/kills.ts";
import { lanes, lanesTls } from "./sessions/lanes.ts";
import { longLine } from "./sessions/long-line.ts";
import { createManyTrial, manyUploads } from "./sessions/many-uploads.ts";
import type { Scenario } from "./sessions/scenario.ts";
import { tricklers } from "./sessions/tricklers.ts";
import { setStage } from "./stage.ts";

const scenarios: readonly Scenario[] = [lanes, lanesTls, manyUploads, tricklers, equalUploads, longLine, kills];
const ids = scenarios.map(({ id }) => id);
const usage = `usage: npm run bench:sessions -- [options]

  --only a,b     run these alone: ${ids.join(", ")}
  --scale X      multiply sizes and counts by this, from 0.02 to 1 (default 1), for a short run
  --against DIR  compare another checkout of the project with this one: CPU time of many uploads, and nothing else
  --rounds N     pairs of runs of that comparison (default 5)
  --json         print one JSON document instead of the table
`;
const chunkBytes = 2 ** 20;

await runCommand({ usage, parse, run });

type Options = Exclude<ReturnType<typeof parse>, "help">;

async function run(options: Options): Promise<number> {
  if (process.platform !== "linux") {
    process.stderr.write("the benchmark reads memory from /proc: it needs Linux\n");
    return 1;
  }
  const { stage, clear } = await setStage(chunkBytes);
  clearOnSignal(clear);
  try {
    if (options.against !== undefined) return await compare(options, options.against, stage);
    const rows: FigureRow[] = [];
    for (const scenario of scenarios.filter(({ id }) => options.only === undefined || options.only.includes(id))) {
      const found = await scenario.measure({ stage, scale: options.scale });
      process.stderr.write(`${scenario.id}: ${found.map(({ measured }) => measured?.toFixed(2) ?? "-").join(", ")}\n`);
      rows.push(...found);
    }
    const machine = describeMachine();
    const verdicts = rows.map((row) => ({ ...row, verdict: judge(row) }));
    if (options.json)
      process.stdout.write(`${JSON.stringify({ machine, scale: options.scale, rows: verdicts }, null, 2)}\n`);
    else process.stdout.write(`${machine}; scale ${options.scale}\n\n${showFigures(rows)}\n`);
    return verdicts.some(({ verdict }) => verdict === "missed") ? 1 : 0;
  } finally {
    await clear();
  }
}

async function compare(options: Options, against: string, stage: Stage): Promise<number> {
  const { scale, rounds, json } = options;
  const checkouts = findCheckouts(against);
  const report = (what: string) => process.stderr.write(`${what}\n`);
  const trials = [createManyTrial(divideStage(stage), scale)];
  return printComparisons(await compareCheckouts(trials, { ...checkouts, rounds, report }), { ...checkouts, json });
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string" },
      scale: { type: "string", default: "1" },
      against: { type: "string" },
      rounds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  if (values.against !== undefined && values.only !== undefined)
    throw new Error("--against compares many uploads alone; leave --only out");
  return {
    against: values.against,
    rounds: parseCount("rounds", values.rounds, [1, 100]),
    only: parseNames("only", values.only, ids),
    scale: parseNumber("scale", values.scale, [0.02, 1]),
    json: values.json,
  };
}
