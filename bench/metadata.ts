// `npm run bench:metadata`: how long metadata calls take on a table of ten million files. See --help.
import { mkdir } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stopAllProcesses } from "./child-process.ts";
import { clearOnSignal } from "./clear-on-signal.ts";
import { describeMachine } from "./describe-machine.ts";
import { runMetadata } from "./metadata/run-metadata.ts";
import { judge, showFigures } from "./sessions/figure-row.ts";

const usage = `usage: npm run bench:metadata -- [options]

  --rows N         files in the table, 1000 to 100000000 (default 10000000; that takes some 30 minutes and 20 GB to fill)
  --keep DIR       keep the database in this folder and use it again, instead of filling one anew
  --rate N         reading calls a second (default 300); changing ones come at a third of it
  --workers N      worker processes of the service (default 2)
  --connections N  connections that the calls are spread over (default 100)
  --seconds N      how long each figure is measured (default 20)
  --seed N         which files are asked for follows from it (default 1)
  --json           print one JSON document instead of the table
`;
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
  if (options === "help") {
    process.stdout.write(usage);
    return 0;
  }
  clearOnSignal(stopAllProcesses);
  const begun = performance.now();
  const report = (what: string) =>
    process.stderr.write(
      `${((performance.now() - begun) / 1000).toFixed(0)} s, load ${loadavg()[0]?.toFixed(1)}: ${what}\n`,
    );
  if (options.keep !== undefined) await mkdir(options.keep, { recursive: true });
  const dataDirectory = options.keep === undefined ? undefined : join(options.keep, "database");
  const rows = await runMetadata({ ...options, dataDirectory }, report);
  const machine = `${describeMachine()}, load ${loadavg()[0]?.toFixed(1)}`;
  const { rows: files, ratePerSecond, connections, workers } = options;
  const run = `${files} files, ${ratePerSecond} calls/s over ${connections} connections, ${workers} worker(s)`;
  if (options.json) process.stdout.write(`${JSON.stringify({ machine, run, rows }, null, 2)}\n`);
  else process.stdout.write(`${machine}; ${run}\n\n${showFigures(rows)}\n`);
  return rows.some((row) => judge(row) !== "met") ? 1 : 0;
}

function parse(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: "string", default: "10000000" },
      keep: { type: "string" },
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
  return {
    rows: count("rows", values.rows, [1000, 100_000_000]),
    keep: values.keep,
    ratePerSecond: count("rate", values.rate, [3, 10_000]),
    workers: count("workers", values.workers, [1, 16]),
    connections: count("connections", values.connections, [1, 1000]),
    seconds: count("seconds", values.seconds, [1, 3600]),
    seed: count("seed", values.seed, [1, 2 ** 31]),
    json: values.json,
  };
}

function count(name: string, text: string, [min, max]: [number, number]): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`--${name} is "${text}"; a whole number from ${min} to ${max} is needed`);
}
