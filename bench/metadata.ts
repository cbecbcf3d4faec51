// `npm run bench:metadata` measures how long metadata calls take on a table of ten million files. See --help.
import { mkdir } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findCheckouts } from "./against/checkout.ts";
import { printComparisons } from "./against/compare-checkouts.ts";
import { stopAllProcesses } from "./child-process.ts";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, runCommand } from "./command-line.ts";
import { describeMachine } from "./describe-machine.ts";
import { compareMetadata } from "./metadata/compare-metadata.ts";
import { comparePartitions } from "./metadata/compare-partitions.ts";
import { runMetadata } from "./metadata/run-metadata.ts";
import { type FigureRow, printFigures } from "./sessions/figure-row.ts";

const usage = `usage: npm run bench:metadata -- [options]

  --rows N         files in the table, 1000 to 100000000 (default 10000000; that takes some 30 minutes and 20 GB to fill;
                   with --against 100000)
  --keep DIR       keep the database in this folder and use it again, instead of filling one anew
  --rate N         reading calls a second (default 300); changing calls come at a third of it
  --workers N      worker processes of the service (default 2)
  --connections N  connections that the calls are spread over (default 100)
  --seconds N      how long each figure is measured (default 20)
  --seed N         the files that are asked for follow from it (default 1)
  --partitions N   compare a copy of the database whose tables are divided by namespace into N partitions, 2 to 256, with the
                   database itself, one call at a time; all files are in one namespace, and so in one partition
  --no-words       with --partitions: leave out the search by words, and the indexes that it needs; to make them takes longer than all else
  --against DIR    compare another checkout of the project with this one: CPU time of calls by one worker, and nothing else
  --rounds N       pairs of runs of that comparison (default 5)
  --json           print one JSON document instead of the table
`;

await runCommand({ usage, parse, run });

async function run(options: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  clearOnSignal(stopAllProcesses);
  const begun = performance.now();
  const report = (what: string) =>
    process.stderr.write(
      `${((performance.now() - begun) / 1000).toFixed(0)} s, load ${loadavg()[0]?.toFixed(1)}: ${what}\n`,
    );
  if (options.against !== undefined) {
    const checkouts = findCheckouts(options.against);
    return printComparisons(await compareMetadata(checkouts, options, report), { ...checkouts, json: options.json });
  }
  const show = (rows: readonly FigureRow[], how: string) => {
    const machine = `${describeMachine()}, load ${loadavg()[0]?.toFixed(1)}`;
    const load = `${options.rows} files, ${how}`;
    return printFigures(rows, { title: `${machine}; ${load}`, facts: { machine, run: load }, json: options.json });
  };
  const { partitions } = options;
  if (partitions !== undefined) {
    return show(
      await comparePartitions({ ...options, partitions }, report),
      `${partitions} partitions, one call at a time${options.withWords ? "" : ", no indexes of words"}`,
    );
  }
  if (options.keep !== undefined) await mkdir(options.keep, { recursive: true });
  const dataDirectory = options.keep === undefined ? undefined : join(options.keep, "database");
  const { ratePerSecond, connections, workers } = options;
  const how = `${ratePerSecond} calls/s over ${connections} connections, ${workers} worker(s)`;
  return show(await runMetadata({ ...options, dataDirectory }, report), how);
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: "string" },
      against: { type: "string" },
      rounds: { type: "string", default: "5" },
      keep: { type: "string" },
      partitions: { type: "string" },
      "no-words": { type: "boolean", default: false },
      rate: { type: "string", default: "300" },
      workers: { type: "string", default: "2" },
      connections: { type: "string", default: "100" },
      seconds: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { against } = values;
  if (against !== undefined && values.keep !== undefined)
    throw new Error("--keep keeps one database, and --against fills one for each checkout; leave one of them out");
  if (values.partitions !== undefined && (against ?? values.keep) !== undefined)
    throw new Error("--partitions compares two databases of its own; leave --keep and --against out");
  if (values["no-words"] && values.partitions === undefined) throw new Error("--no-words goes with --partitions alone");
  return {
    against,
    partitions: values.partitions === undefined ? undefined : parseCount("partitions", values.partitions, [2, 256]),
    withWords: !values["no-words"],
    rounds: parseCount("rounds", values.rounds, [1, 100]),
    rows: parseCount("rows", values.rows ?? (against === undefined ? "10000000" : "100000"), [1000, 100_000_000]),
    keep: values.keep,
    ratePerSecond: parseCount("rate", values.rate, [3, 10_000]),
    workers: parseCount("workers", values.workers, [1, 16]),
    connections: parseCount("connections", values.connections, [1, 1000]),
    seconds: parseCount("seconds", values.seconds, [1, 3600]),
    seed: parseCount("seed", values.seed, [1, 2 ** 31]),
    json: values.json,
  };
}
