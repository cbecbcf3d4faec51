// `npm run size` says what a deployment needs for a demand: replicas, a database, requests to S3, and what breaks first. See --help.
import { parseArgs } from "node:util";
import { stopAllProcesses } from "./child-process.ts";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, parseNumber, runCommand } from "./command-line.ts";
import { measureCosts } from "./size/measure-costs.ts";
import { MEASURED_COSTS } from "./size/measured-costs.ts";
import { showLadder, showSizing } from "./size/show-sizing.ts";
import { sizeDeployment } from "./size/size-deployment.ts";
import { setStage } from "./stage.ts";

const usage = `usage: npm run size -- [options]

  --uploads-per-hour N  uploads in the busiest hour (default 10000)
  --mean-mib X          mean size of a file, in MiB (default 4)
  --reads-per-upload N  other calls for each upload (default 10)
  --kept-days N         how long a file is kept (default 365)
  --ladder              the table of docs/sizing.md, from 10,000 operations a day on, and nothing else
  --measure             measure first what uploads and reads cost on this machine (a minute), and reckon with that
  --json                print one JSON document
`;

/** Work that is measured: enough for ten seconds of each kind. */
const MEASURED = { uploads: 4000, reads: 20_000, sizeBytes: 2 ** 30 };

await runCommand({ usage, parse, run });

async function run({ measure, ladder, json, ...demand }: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  const costs = measure ? await measureHere() : MEASURED_COSTS;
  const sizing = sizeDeployment(demand, costs);
  if (json) process.stdout.write(`${JSON.stringify({ demand, costs, ...sizing }, null, 2)}\n`);
  else process.stdout.write(`${ladder ? showLadder(costs) : showSizing(demand, sizing, costs)}\n`);
  return 0;
}

async function measureHere() {
  const { stage, clear } = await setStage(2 ** 20);
  clearOnSignal(clear);
  try {
    return await measureCosts(stage, MEASURED, (what) => process.stderr.write(`${what}\n`));
  } finally {
    await stopAllProcesses();
    await clear();
  }
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      "uploads-per-hour": { type: "string", default: "10000" },
      "mean-mib": { type: "string", default: "4" },
      "reads-per-upload": { type: "string", default: "10" },
      "kept-days": { type: "string", default: "365" },
      ladder: { type: "boolean", default: false },
      measure: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    uploadsPerHour: parseNumber("uploads-per-hour", values["uploads-per-hour"], [1, 1e9]),
    meanBytes: parseNumber("mean-mib", values["mean-mib"], [0.0001, 51_200_000]) * 2 ** 20,
    readsPerUpload: parseNumber("reads-per-upload", values["reads-per-upload"], [0, 100_000]),
    keptDays: parseCount("kept-days", values["kept-days"], [1, 36_500]),
    ladder: values.ladder,
    measure: values.measure,
    json: values.json,
  };
}
