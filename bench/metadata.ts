// `npm run bench:metadata` measures how long metadata calls take on a table of ten million files. See --help.
import { mkdir } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { findCheckouts } from "./against/checkout.ts";
import { printComparisons } from "./against/compare-checkouts.ts";
import { count, flag, optional, report, runCommand, text, type Values } from "./command-line.ts";
import { type FigureRow, printFigures } from "./figures/figure-row.ts";
import { stopAllProcesses } from "./machine/child-process.ts";
import { clearOnSignal } from "./machine/clear-on-signal.ts";
import { compareMetadata } from "./metadata/compare-metadata.ts";
import { comparePartitions } from "./metadata/compare-partitions.ts";
import { runMetadata } from "./metadata/run-metadata.ts";

const ROWS = 10_000_000;
const ROWS_AGAINST = 100_000;
const options = {
  rows: optional(
    count(
      `files in the table (default ${ROWS}, some 30 minutes and 20 GB to fill; with --against 100000)`,
      ROWS,
      [1000, 1e8],
    ),
  ),
  keep: text("DIR", "keep the database in this folder and use it again, instead of filling one anew"),
  rate: count("reading calls a second; changing calls come at a third of it", 300, [3, 10_000]),
  workers: count("worker processes of the service", 2, [1, 16]),
  connections: count("connections that the calls are spread over", 100, [1, 1000]),
  seconds: count("how long each figure is measured", 20, [1, 3600]),
  seed: count("the files that are asked for follow from it", 1, [1, 2 ** 31]),
  partitions: optional(
    count(
      "compare a copy whose tables are divided by namespace into so many partitions, one call at a time",
      2,
      [2, 256],
    ),
  ),
  noWords: flag("with --partitions: leave out the search by words, and its indexes, which take longest to make"),
  against: text("DIR", "compare another checkout of the project with this one: CPU time of calls by one worker"),
  rounds: count("pairs of runs of that comparison", 5, [1, 100]),
};

await runCommand({ script: "bench:metadata", options, check, run });

function check({ against, keep, partitions, noWords }: Values<typeof options>): void {
  if (against !== undefined && keep !== undefined)
    throw new Error("--keep keeps one database, and --against fills one for each checkout; leave one of them out");
  if (partitions !== undefined && (against ?? keep) !== undefined)
    throw new Error("--partitions compares two databases of its own; leave --keep and --against out");
  if (noWords && partitions === undefined) throw new Error("--no-words goes with --partitions alone");
}

async function run({ rate: ratePerSecond, ...rest }: Values<typeof options>): Promise<number> {
  const run = { ...rest, ratePerSecond, rows: rest.rows ?? (rest.against === undefined ? ROWS : ROWS_AGAINST) };
  clearOnSignal(stopAllProcesses);
  const begun = performance.now();
  const tell = (what: string) =>
    report(`${((performance.now() - begun) / 1000).toFixed(0)} s, load ${loadavg()[0]?.toFixed(1)}: ${what}`);
  if (run.against !== undefined) {
    const checkouts = findCheckouts(run.against);
    return printComparisons(await compareMetadata(checkouts, run, tell), { ...checkouts, json: run.json });
  }
  const show = (rows: readonly FigureRow[], how: string) => {
    const title = `load ${loadavg()[0]?.toFixed(1)}; ${run.rows} files, ${how}`;
    return printFigures(rows, { title, facts: { run: title }, json: run.json });
  };
  const { partitions } = run;
  const withWords = !run.noWords;
  if (partitions !== undefined) {
    return show(
      await comparePartitions({ ...run, partitions, withWords }, tell),
      `${partitions} partitions, one call at a time${withWords ? "" : ", no indexes of words"}`,
    );
  }
  if (run.keep !== undefined) await mkdir(run.keep, { recursive: true });
  const dataDirectory = run.keep === undefined ? undefined : join(run.keep, "database");
  const { connections, workers } = run;
  const how = `${ratePerSecond} calls/s over ${connections} connections, ${workers} worker(s)`;
  return show(await runMetadata({ ...run, dataDirectory }, tell), how);
}
