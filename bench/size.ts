// `npm run size` says what a deployment needs for a demand: replicas, a database, requests to S3, and what breaks first. See --help.
import { count, flag, number, report, runCommand, type Values } from "./command-line.ts";
import { measureCosts } from "./size/measure-costs.ts";
import { MEASURED_COSTS } from "./size/measured-costs.ts";
import { showLadder, showSizing } from "./size/show-sizing.ts";
import { sizeDeployment } from "./size/size-deployment.ts";
import { onStage } from "./stage/stage.ts";

const options = {
  uploadsPerHour: number("uploads in the busiest hour", 10_000, [1, 1e9]),
  meanMib: number("mean size of a file, in MiB", 4, [0.0001, 51_200_000]),
  readsPerUpload: number("other calls for each upload", 10, [0, 100_000]),
  keptDays: count("how long a file is kept", 365, [1, 36_500]),
  ladder: flag("the table of docs/sizing.md, from 10,000 operations a day on, and nothing else"),
  measure: flag("measure first what uploads and reads cost on this machine (a minute), and reckon with that"),
};

/** Work that is measured: enough for ten seconds of each kind. */
const MEASURED = { uploads: 4000, reads: 20_000, sizeBytes: 2 ** 30 };

await runCommand({ script: "size", options, run });

async function run({ measure, ladder, json, meanMib, ...rest }: Values<typeof options>): Promise<number> {
  const demand = { ...rest, meanBytes: meanMib * 2 ** 20 };
  const costs = measure ? await onStage(2 ** 20, (stage) => measureCosts(stage, MEASURED, report)) : MEASURED_COSTS;
  const sizing = sizeDeployment(demand, costs);
  if (json) process.stdout.write(`${JSON.stringify({ demand, costs, ...sizing }, null, 2)}\n`);
  else process.stdout.write(`${ladder ? showLadder(costs) : showSizing(demand, sizing, costs)}\n`);
  return 0;
}
