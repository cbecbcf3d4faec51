// `npm run bench:sessions`: what many uploads at once, slow callers, distance and crashes do to the service, as ratios
// within one run on one machine. See --help.
import { parseArgs } from "node:util";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseNames, parseNumber, runCommand } from "./command-line.ts";
import { describeMachine } from "./describe-machine.ts";
import { equalUploads } from "./sessions/equal-uploads.ts";
import { type FigureRow, judge, showFigures } from "./sessions/figure-row.ts";
import { kills } from "./sessions/kills.ts";
import { lanes } from "./sessions/lanes.ts";
import { longLine } from "./sessions/long-line.ts";
import { manyUploads } from "./sessions/many-uploads.ts";
import type { Scenario } from "./sessions/scenario.ts";
import { tricklers } from "./sessions/tricklers.ts";
import { setStage } from "./stage.ts";

const scenarios: readonly Scenario[] = [lanes, manyUploads, tricklers, equalUploads, longLine, kills];
const ids = scenarios.map(({ id }) => id);
const usage = `usage: npm run bench:sessions -- [options]

  --only a,b     run these alone: ${ids.join(", ")}
  --scale X      multiply sizes and counts by this, from 0.02 to 1 (default 1), for a quick look
  --json         print one JSON document instead of the table
`;
const chunkBytes = 2 ** 20;

await runCommand({ usage, parse, run });

async function run(options: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  if (process.platform !== "linux") {
    process.stderr.write("the benchmark reads memory from /proc: it needs Linux\n");
    return 1;
  }
  const { stage, clear } = await setStage(chunkBytes);
  clearOnSignal(clear);
  try {
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

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string" },
      scale: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    only: parseNames("only", values.only, ids),
    scale: parseNumber("scale", values.scale, [0.02, 1]),
    json: values.json,
  };
}
