// `npm run bench:read` measures what reading a file through Sluice costs, beside a bare relay in that direction. See --help.
import { parseArgs } from "node:util";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, parseNames, runCommand } from "./command-line.ts";
import type { Stage } from "./contender.ts";
import { describeMachine } from "./describe-machine.ts";
import { markdownTable } from "./markdown-table.ts";
import { spreadOf } from "./measure.ts";
import { readProcessUsage } from "./process-usage.ts";
import { READ_CONTENDERS, type ReadContender } from "./read/read-contender.ts";
import { type FigureRow, judge, showFigures } from "./sessions/figure-row.ts";
import { setStage } from "./stage.ts";

const ids = READ_CONTENDERS.map(({ id }) => id);
const usage = `usage: npm run bench:read -- [options]

  --size-mib N   size of one measured file in MiB (default 1024)
  --rounds N     rounds over all contenders, whose median counts (default 5)
  --only a,b     run these contenders alone: ${ids.join(", ")}
  --json         print one JSON document instead of the tables
`;
/** Each contender first reads a file of this size, which does not count. */
const WARM_UP_BYTES = 512 * 2 ** 20;

await runCommand({ usage, parse, run });

interface Measured {
  readonly id: string;
  readonly mibPerSecond: number;
  readonly cpuSecondsPerGib: number;
  readonly systemSecondsPerGib: number;
}

async function run(options: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  const { stage, clear } = await setStage(2 ** 20);
  clearOnSignal(clear);
  try {
    const chosen = READ_CONTENDERS.filter(({ id }) => options.only === undefined || options.only.includes(id));
    const rounds: Measured[][] = [];
    const absent = new Map<string, string>();
    for (let round = 1; round <= options.rounds; round++) {
      const measured: Measured[] = [];
      for (const contender of chosen.filter(({ id }) => !absent.has(id))) {
        const found = await measure(contender, stage, options.sizeBytes);
        if (typeof found === "string") absent.set(contender.id, found);
        else measured.push(found);
        process.stderr.write(`round ${round}/${options.rounds}  ${contender.id}\n`);
      }
      rounds.push(measured);
    }
    const figures = toFigures(rounds);
    const machine = describeMachine();
    if (options.json) process.stdout.write(`${JSON.stringify({ machine, options, rounds, figures }, null, 2)}\n`);
    else {
      const title = `${machine}; ${options.sizeBytes / 2 ** 20} MiB, ${options.rounds} round(s); median [min-max]`;
      const skipped = [...absent].map(([id, reason]) => `skipped: ${id}: ${reason}\n`).join("");
      process.stdout.write(`${title}\n\n${showReads(chosen, rounds)}\n${skipped}\n${showFigures(figures)}\n`);
    }
    return figures.some((row) => judge(row) === "missed") ? 1 : 0;
  } finally {
    await clear();
  }
}

async function measure(contender: ReadContender, stage: Stage, sizeBytes: number): Promise<Measured | string> {
  const running = await contender.start(stage, [WARM_UP_BYTES, sizeBytes]);
  if (typeof running === "string") return running;
  const { measured, client, stop } = running;
  try {
    await client.ask({ sizeBytes: WARM_UP_BYTES });
    const before = readProcessUsage(measured.pid);
    const { seconds } = await client.ask({ sizeBytes });
    const after = readProcessUsage(measured.pid);
    const gib = sizeBytes / 2 ** 30;
    return {
      id: contender.id,
      mibPerSecond: sizeBytes / 2 ** 20 / Number(seconds),
      cpuSecondsPerGib: (after.cpuSeconds - before.cpuSeconds) / gib,
      systemSecondsPerGib: (after.systemSeconds - before.systemSeconds) / gib,
    };
  } finally {
    await stop();
  }
}

function showReads(contenders: readonly ReadContender[], rounds: readonly (readonly Measured[])[]): string {
  const rows = contenders.flatMap(({ id, title, floor }) => {
    const own = rounds.flat().filter((one) => one.id === id);
    if (own.length === 0) return [];
    const show = (values: readonly number[], digits: number) => {
      const { median, min, max } = spreadOf(values) ?? { median: Number.NaN, min: Number.NaN, max: Number.NaN };
      return `${median.toFixed(digits)} [${min.toFixed(digits)}-${max.toFixed(digits)}]`;
    };
    const rate = show(
      own.map(({ mibPerSecond }) => mibPerSecond),
      0,
    );
    const cpu = show(
      own.map(({ cpuSecondsPerGib }) => cpuSecondsPerGib),
      2,
    );
    const kernel = spreadOf(own.map(({ systemSecondsPerGib }) => systemSecondsPerGib))?.median.toFixed(2) ?? "";
    const ratios = ratiosOf(rounds, id, floor);
    return [[title, rate, cpu, kernel, ratios.length === 0 ? "" : show(ratios, 2)]];
  });
  return markdownTable(["contender", "MiB/s", "cpu-s/GiB", "of it kernel", "x relay"], rows);
}

function toFigures(rounds: readonly (readonly Measured[])[]): FigureRow[] {
  const ratio = (name: string, [of, to]: readonly [string, string], atMost: number): FigureRow => ({
    name,
    unit: "ratio",
    measured: spreadOf(ratiosOf(rounds, of, to))?.median,
    must: { atMost },
    ...(atMost === 1.4 && { aim: { atMost: 1.2 } }),
  });
  return [
    ratio("GET over HTTP/1.1 ÷ relay, CPU per GiB", ["rest", "floor"], 1.4),
    ratio("the same, TLS in and out", ["rest-tls", "floor-tls"], 1.4),
    ratio("ReadFile ÷ relay over HTTP/2", ["grpc", "floor-h2"], 2),
    ratio("the same, TLS in and out", ["grpc-tls", "floor-h2-tls"], 2),
  ];
}

/** CPU per GiB of one contender as a multiple of another's, round by round. */
function ratiosOf(rounds: readonly (readonly Measured[])[], of: string, to: string): number[] {
  return rounds.flatMap((round) => {
    const [own, base] = [of, to].map((id) => round.find((one) => one.id === id));
    return own === undefined || base === undefined ? [] : own.cpuSecondsPerGib / base.cpuSecondsPerGib;
  });
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      "size-mib": { type: "string", default: "1024" },
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    sizeBytes: parseCount("size-mib", values["size-mib"], [1, 1_000_000]) * 2 ** 20,
    rounds: parseCount("rounds", values.rounds, [1, 100]),
    only: parseNames("only", values.only, ids),
    json: values.json,
  };
}
