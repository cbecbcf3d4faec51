// `npm run bench:sessions`: what many uploads at once, slow callers, distance and crashes do to the service, as ratios
// within one run on one machine. See --help.
import { parseArgs } from "node:util";
import { clearOnSignal } from "./clear-on-signal.ts";
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
const exUsage = 64;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof parse>;
  try {
    options = parse(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    return exUsage;
  }
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
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

function parse(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      scale: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const scale = Number(values.scale);
  if (!(scale >= 0.02 && scale <= 1))
    throw new Error(`--scale is "${values.scale}"; a number from 0.02 to 1 is needed`);
  const only = values.only?.split(",");
  const unknown = only?.find((id) => !ids.includes(id));
  if (unknown !== undefined) throw new Error(`--only names "${unknown}"; there are ${ids.join(", ")}`);
  return { ...values, only, scale };
}
